use std::io;

use mimiq_contract::PortId;

/// Why ports could not be opened. Each message names the interface or port and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No ports were asked for.
    #[error("ports: none given")]
    NoPorts,
    /// A number that no port can have.
    #[error("port {0}: the largest port number is {max}", max = PortId::COUNT - 1)]
    PortNumber(u16),
    /// A number stands twice.
    #[error("port {0}: given twice")]
    DuplicatePort(u16),
    /// An interface stands twice.
    #[error("interface {0}: given twice")]
    DuplicateInterface(String),
    /// The interface does not exist in this network namespace.
    #[error("interface {0}: not found")]
    NotFound(String),
    /// The interface is administratively down.
    #[error("interface {0}: is down; bring it up with `ip link set {0} up`")]
    Down(String),
    /// Frames of the interface's MTU do not fit the largest chunk.
    #[error(
        "interface {interface}: MTU {mtu} is too large for AF_XDP, which carries up to {max}; lower it with \
         `ip link set {interface} mtu {max}` or use AF_PACKET"
    )]
    Mtu {
        /// The interface.
        interface: String,
        /// Its MTU, bytes.
        mtu: usize,
        /// The largest that fits, bytes.
        max: usize,
    },
    /// The kernel refused.
    #[error("interface {interface}: {action}: {error}{hint}")]
    Refused {
        /// The interface.
        interface: String,
        /// What was refused.
        action: &'static str,
        /// What may help, or nothing.
        hint: &'static str,
        /// The kernel's answer.
        error: io::Error,
    },
}

impl OpenError {
    /// The kernel refused `action`; the hint follows from the error number.
    pub(crate) fn refused(interface: &str, action: &'static str, error: io::Error) -> Self {
        let hint = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => "; needs root, or CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF",
            Some(libc::EAFNOSUPPORT | libc::ENOSYS | libc::ENOPROTOOPT) => {
                "; the kernel lacks it: AF_XDP needs Linux 5.11 with CONFIG_XDP_SOCKETS"
            }
            Some(libc::EBUSY | libc::EEXIST) => {
                "; another program uses the interface: stop it, or `ip link set IF xdp off` if it has crashed"
            }
            Some(libc::ENOBUFS | libc::ENOMEM) => "; out of memory: raise RLIMIT_MEMLOCK or give CAP_IPC_LOCK",
            _ => "",
        };
        Self::Refused { interface: interface.into(), action, hint, error }
    }

    /// The kernel's error number, if it was the kernel that refused `action`.
    pub(crate) fn errno_of(&self, wanted: &str) -> Option<i32> {
        match self {
            Self::Refused { action, error, .. } if *action == wanted => error.raw_os_error(),
            _ => None,
        }
    }
}
