//! `tcp_alert_fd`: a line when the files of a connection are complete. The store writes one when it makes them.

use super::{Connection, Scanner};
use crate::output::alerts::Alerts;

impl Scanner for Alerts {
    fn scan(&self, connection: &mut Connection) -> Result<(), String> {
        for file in connection.flows.iter().filter_map(|scanned| scanned.flow.file.as_ref()) {
            self.close(&file.path);
        }
        Ok(())
    }
}
