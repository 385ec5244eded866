//! Services by colour: four kinds have colours of their own, the four largest others get one, the rest is grey.

use super::canvas::Colour;
use crate::traffic::{Service, Timeline};

/// Kinds of services that look the same on every page, with their ports of TCP.
const KINDS: [(&str, &[u16], Colour); 4] = [
    ("HTTP", &[80, 8000, 8080], Colour(0x00, 0x72, 0xb2)),
    ("HTTPS", &[443, 8443], Colour(0x00, 0x9e, 0x73)),
    ("SSH", &[22], Colour(0xd5, 0x5e, 0x00)),
    ("FTP", &[20, 21], Colour(0xcc, 0x79, 0xa7)),
];

/// For the largest others. All of these are told apart by people who see fewer colours (Okabe and Ito, 2002), also by
/// how light they are.
const OTHERS: [Colour; 4] =
    [Colour(0xe6, 0x9f, 0x00), Colour(0x56, 0xb4, 0xe9), Colour(0xf0, 0xe4, 0x42), Colour(0x33, 0x22, 0x88)];

/// For all that are left.
pub(super) const REST: Colour = Colour(0xb4, 0xb4, 0xb4);

/// One colour of the histogram.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) colour: Colour,
    services: Vec<Service>,
}

/// The colours of a page, from the lowest layer up; the last one is the rest.
pub(super) struct Palette(Vec<Layer>);

impl Palette {
    pub(super) fn new(timeline: &Timeline) -> Self {
        let kinds = KINDS.iter().map(|(name, ports, colour)| Layer {
            name: (*name).to_owned(),
            colour: *colour,
            services: ports.iter().map(|port| Service::Tcp(*port)).collect(),
        });
        let mut layers: Vec<Layer> = kinds.collect();
        let services = timeline.services();
        let all = services.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        // In a scan of ports none of them is large.
        let services = services.into_iter().take_while(|(_, bytes)| *bytes >= all / 200 && *bytes > 0);
        let services = services.map(|(service, _)| service);
        let is_new = |service: &Service| layers.iter().all(|layer| !layer.services.contains(service));
        let largest: Vec<_> = services.filter(is_new).take(OTHERS.len()).collect();
        let named = largest.into_iter().zip(OTHERS);
        layers.extend(named.map(|(service, colour)| Layer {
            name: service.to_string(),
            colour,
            services: vec![service],
        }));
        layers.push(Layer { name: "other".to_owned(), colour: REST, services: Vec::new() });
        Self(layers)
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// The number of the layer that a service is in.
    pub(super) fn layer(&self, service: Service) -> usize {
        let found = self.0.iter().position(|layer| layer.services.contains(&service));
        found.unwrap_or(self.0.len() - 1)
    }

    pub(super) fn colour(&self, service: Service) -> Colour {
        self.0.get(self.layer(service)).map_or(REST, |layer| layer.colour)
    }
}
