//! Packet I/O for mimiq's pipeline: ports of the same switch share one frame memory, and a loop on a thread of its own
//! carries frames in batches from port to pipeline to port.
//!
//! ```no_run
//! use std::sync::Arc;
//! use mimiq_contract::PortId;
//! use mimiq_io::{PortConfig, Shutdown, xdp};
//! use mimiq_pipeline::{DropCounters, Pipeline, TableSizes};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ports = [(1, "sw-client"), (2, "sw-fabric")];
//! let ports = ports.map(|(id, interface)| PortConfig { id: PortId(id), interface: interface.into() });
//! let mut ports = xdp::open(&ports)?;
//! let (_writer, reader) = mimiq_pipeline::tables(&TableSizes::uniform(1024));
//! let drops = Arc::new(DropCounters::default());
//! let shutdown = Shutdown::new()?;
//! let stop = shutdown.clone(); // `stop.signal()` from any thread ends `run`
//! let pipeline = Pipeline::new(drops.clone(), Arc::default());
//! std::thread::spawn(move || mimiq_io::run(&mut ports, pipeline, &reader, &drops, &shutdown));
//! # Ok(()) }
//! ```
//!
//! # What carries the frames
//!
//! | module | how | use it |
//! |---|---|---|
//! | [`xdp`] | AF_XDP sockets that share one UMEM | by default |
//! | [`packet`] | AF_PACKET sockets, a batch a system call | where AF_XDP is missing, for MTUs above 3818, or where a queueing discipline on the switch's interface must shape what it sends: AF_XDP bypasses it |
//! | [`memory`] | channels | in tests |
//!
//! # MTU
//!
//! AF_XDP puts a frame into one chunk of 2048 bytes (interfaces with an MTU of up to 1770) or 4096 bytes (up to 3818; on veth,
//! native mode ends at 3498). Larger MTUs are refused at the start rather than their frames dropped in silence.
//! AF_PACKET has no such limit.
//!
//! # Checksums on virtual links
//!
//! A host on a veth leaves UDP and TCP checksums to hardware that does not exist; the kernel knows that they are missing only
//! as long as the frame stays inside. A switch in user space forwards the frame as it is, and the receiver drops it.
//! **On every host that sends over a veth, switch that off: `ethtool -K IF tx off`.** It also ends segmentation offload,
//! whose frames are larger than any MTU.
//!
//! # Several queues
//!
//! Each receive queue of an interface gets its own AF_XDP socket, all of them served by the one loop; frames are sent
//! by the first queue. To use one queue only: `ethtool -L IF combined 1`.

mod error;
mod forward;
mod frames;
mod interface;
pub mod memory;
pub mod packet;
mod port;
mod sys;
pub mod xdp;

pub use error::OpenError;
pub use forward::{Ports, Shutdown, forward, run};
pub use interface::PortConfig;
pub use port::{BATCH, Counter, KernelStatistics, Port, PortCounters, PortMonitor};
