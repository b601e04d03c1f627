//! Packets from their building to their end, and everything that can be wrong with one.

mod agreement;
mod hostile;
mod model;
mod replies;
mod setup;
mod vectors;
