//! Which frames are wanted: an expression in the language of libpcap, compiled for each link type.
//!
//! The compiler is libpcap's, so it belongs to the front-ends; what it makes can be run by
//! [`super::bpf::Program`].

use tapflow_core::decode::{self, Reject, RejectReason};
use tapflow_core::{Frame, LinkType, Timestamp};

/// Makes filters of expressions.
pub trait FilterCompiler {
    /// Compiles `expression` for frames that begin with `link`.
    ///
    /// # Errors
    /// What is wrong with the expression, in the compiler's words.
    fn compile(&self, link: LinkType, expression: &str) -> Result<Box<dyn FrameFilter + Send>, String>;

    /// Whether the compiler is not installed: no expression compiles.
    fn is_missing(&self) -> bool {
        false
    }
}

/// Tells which frames of one link type are wanted.
pub trait FrameFilter {
    /// Whether `frame` is wanted.
    fn accepts(&mut self, frame: &Frame<'_>) -> bool;
}

/// Link types for which an expression is tried before the first frame is seen.
const USUAL: [LinkType; 4] = [LinkType::ETHERNET, LinkType::RAW, LinkType::LINUX_SLL2, LinkType(105)];

/// Numbers of link types end below.
const LINK_TYPES: u32 = 512;

/// One expression, compiled for each link type when the first frame of it comes.
pub struct Filter<'a> {
    compiler: &'a dyn FilterCompiler,
    expression: &'a str,
    compiled: Vec<(LinkType, Box<dyn FrameFilter + Send>)>,
    /// The one that was used last.
    recent: usize,
}

impl<'a> Filter<'a> {
    /// A filter for `expression`, which is checked at once.
    ///
    /// # Errors
    /// The expression can be compiled for none of the usual link types: why not for Ethernet.
    pub fn new(compiler: &'a dyn FilterCompiler, expression: &'a str) -> Result<Self, String> {
        let mut filter = Self { compiler, expression, compiled: Vec::new(), recent: 0 };
        let mut reason = None;
        for link in USUAL {
            match filter.compile(link) {
                Ok(_) => return Ok(filter),
                Err(error) => {
                    reason.get_or_insert(error);
                }
            }
        }
        Err(reason.unwrap_or_default())
    }

    /// Compiles the expression for all link types that are decoded, so that nothing has to be looked up later.
    pub fn compile_known(&mut self) {
        for link in (0..LINK_TYPES).map(LinkType) {
            let frame = Frame { link, time: Timestamp::default(), wire_len: 0, bytes: &[] };
            let unknown = matches!(
                decode::decode(&frame),
                Err(Reject { reason: RejectReason::UnknownLinkType(_), .. })
            );
            if !unknown && self.compiled.iter().all(|(known, _)| *known != link) {
                // One that is not possible is an error once there is a frame of it.
                let _ = self.compile(link);
            }
        }
    }

    /// Whether `frame` is wanted.
    ///
    /// # Errors
    /// The expression cannot be compiled for the frame's link type.
    #[inline]
    pub fn accepts(&mut self, frame: &Frame<'_>) -> Result<bool, String> {
        if let Some((link, filter)) = self.compiled.get_mut(self.recent)
            && *link == frame.link
        {
            return Ok(filter.accepts(frame));
        }
        let known = self.compiled.iter().position(|(link, _)| *link == frame.link);
        self.recent = known.map_or_else(|| self.compile(frame.link), Ok)?;
        self.accepts_recent(frame)
    }

    fn accepts_recent(&mut self, frame: &Frame<'_>) -> Result<bool, String> {
        Ok(self.compiled.get_mut(self.recent).is_some_and(|(_, filter)| filter.accepts(frame)))
    }

    /// Adds the filter for `link`: its place.
    fn compile(&mut self, link: LinkType) -> Result<usize, String> {
        let filter = self.compiler.compile(link, self.expression).map_err(|reason| {
            format!("filter \"{}\" for {link}: {reason}; see pcap-filter(7)", self.expression)
        })?;
        self.compiled.push((link, filter));
        Ok(self.compiled.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tapflow_core::Timestamp;

    use super::*;

    /// Wants frames as long as the expression says; knows no link type above 1000.
    #[derive(Default)]
    struct Lengths {
        compiled: RefCell<Vec<u32>>,
    }

    struct Length(u32);

    impl FilterCompiler for Lengths {
        fn compile(&self, link: LinkType, expression: &str) -> Result<Box<dyn FrameFilter + Send>, String> {
            if link.0 > 1000 {
                return Err("unknown data link type".into());
            }
            let length = expression.parse().map_err(|_| "syntax error".to_owned())?;
            self.compiled.borrow_mut().push(link.0);
            Ok(Box::new(Length(length)))
        }
    }

    impl FrameFilter for Length {
        fn accepts(&mut self, frame: &Frame<'_>) -> bool {
            frame.wire_len == self.0
        }
    }

    fn frame(link: u32, wire_len: u32) -> Frame<'static> {
        Frame { link: LinkType(link), time: Timestamp(0), wire_len, bytes: &[] }
    }

    #[test]
    fn an_expression_is_compiled_once_for_each_link_type() {
        let compiler = Lengths::default();
        let mut filter = Filter::new(&compiler, "60").expect("a number");
        for (link, length, wanted) in
            [(1, 60, true), (1, 61, false), (101, 60, true), (1, 60, true), (101, 61, false)]
        {
            assert_eq!(filter.accepts(&frame(link, length)), Ok(wanted), "link {link}, {length} bytes");
        }
        assert_eq!(*compiler.compiled.borrow(), [1, 101]);
    }

    #[test]
    fn an_invalid_expression_is_told_before_the_first_frame() {
        let compiler = Lengths::default();
        let error = Filter::new(&compiler, "sixty").err().expect("not a number");
        assert!(error.contains("\"sixty\"") && error.contains("syntax error"), "{error}");
    }

    #[test]
    fn a_link_type_without_filters_is_told_with_its_name() {
        let compiler = Lengths::default();
        let mut filter = Filter::new(&compiler, "60").expect("a number");
        let error = filter.accepts(&frame(1001, 60)).expect_err("no such link type");
        assert!(error.contains("link type 1001"), "{error}");
    }
}
