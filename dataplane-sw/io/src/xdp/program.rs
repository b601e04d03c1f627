//! The XDP program that hands every frame to the socket of its queue, written in bpf(2)'s own terms: six instructions
//! need no compiler and no loader library.
#![allow(unsafe_code, reason = "bpf(2) has no wrapper")]

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use crate::sys::own;

// linux/bpf.h
const BPF_MAP_CREATE: libc::c_int = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_int = 2;
const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_LINK_CREATE: libc::c_int = 28;
const BPF_MAP_TYPE_XSKMAP: u32 = 17;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;

/// Where in the network stack the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    /// In the driver, before there is an skb.
    Native = 1 << 2,
    /// In the stack, with any driver.
    Generic = 1 << 1,
}

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map_fd: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

#[repr(C)]
struct LinkCreate {
    program_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// # Safety
/// `attributes` must be the prefix of `union bpf_attr` that belongs to `command`; the pointers in it must be valid.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: pointer and length are those of `attributes`; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as libc::c_int) }
}

fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

/// From queue to socket.
#[derive(Debug)]
pub(super) struct XskMap(OwnedFd);

impl XskMap {
    pub(super) fn new(queues: u32) -> io::Result<Self> {
        let attributes = MapCreate { map_type: BPF_MAP_TYPE_XSKMAP, key_size: 4, value_size: 4, max_entries: queues };
        // SAFETY: the attributes of this command, without pointers; it returns a new descriptor.
        own(unsafe { bpf(BPF_MAP_CREATE, &attributes) }?).map(Self)
    }

    pub(super) fn set(&self, queue: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let value = raw(socket);
        let attributes = MapUpdate {
            map_fd: raw(self.0.as_fd()),
            _padding: 0,
            key: (&raw const queue) as u64,
            value: (&raw const value) as u64,
            flags: 0,
        };
        // SAFETY: the attributes of this command; key and value are four bytes each, as in `new`, and outlive it.
        unsafe { bpf(BPF_MAP_UPDATE_ELEM, &attributes) }.map(drop)
    }

    /// Loads `return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS)`.
    pub(super) fn load_program(&self) -> io::Result<OwnedFd> {
        // `struct bpf_insn`: opcode, source and destination register, offset, immediate.
        let instruction = |opcode: u8, source: u8, destination: u8, offset: i16, immediate: u32| -> u64 {
            let registers = source << 4 | destination;
            let [o0, o1] = offset.to_ne_bytes();
            let [i0, i1, i2, i3] = immediate.to_ne_bytes();
            u64::from_ne_bytes([opcode, registers, o0, o1, i0, i1, i2, i3])
        };
        let instructions = [
            instruction(0x61, 1, 2, 16, 0), // r2 = ((struct xdp_md *)r1)->rx_queue_index
            instruction(0x18, 1, 1, 0, raw(self.0.as_fd())), // r1 = map, in two instructions
            instruction(0x00, 0, 0, 0, 0),
            instruction(0xb7, 0, 3, 0, 2),  // r3 = XDP_PASS, for queues without a socket
            instruction(0x85, 0, 0, 0, 51), // call bpf_redirect_map
            instruction(0x95, 0, 0, 0, 0),  // return r0
        ];
        let mut name = [0; 16];
        name[..5].copy_from_slice(b"mimiq");
        let attributes = ProgramLoad {
            program_type: BPF_PROG_TYPE_XDP,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: c"Apache-2.0".as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log_buffer: 0,
            kernel_version: 0,
            flags: 0,
            name,
        };
        // SAFETY: the attributes of this command; instructions and licence outlive it; it returns a new descriptor.
        own(unsafe { bpf(BPF_PROG_LOAD, &attributes) }?)
    }
}

/// Attaches a program to an interface for as long as the returned link is open. The kernel closes it at exit, so a
/// crash leaves nothing behind.
pub(super) fn attach(program: BorrowedFd<'_>, ifindex: u32, hook: Hook) -> io::Result<OwnedFd> {
    let attributes =
        LinkCreate { program_fd: raw(program), target_ifindex: ifindex, attach_type: BPF_XDP, flags: hook as u32 };
    // SAFETY: the attributes of this command, without pointers; it returns a new descriptor.
    own(unsafe { bpf(BPF_LINK_CREATE, &attributes) }?)
}
