//! Where frames come from: capture files of every kind, and whatever else implements [`Source`].
