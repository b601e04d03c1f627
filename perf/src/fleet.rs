//! The QUIC connections of many clients, without sockets and clocks: datagrams and times come in, datagrams and events go
//! out. One endpoint serves all clients of a thread, each of which has an address of its own for the server.

mod stream;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    net::{Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::Arc,
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use mimiq_contract::wellknown::CONTROL_PORT;
use quinn_proto::{
    ClientConfig, ConnectError, Connection, ConnectionError, ConnectionHandle, DatagramEvent, Dir, EcnCodepoint,
    Endpoint, EndpointConfig, Event as ConnectionEvent, StreamEvent, StreamId, VarInt,
};

use crate::pki::SERVER_NAME;
use stream::{read, write};

/// A client of this fleet.
pub(crate) type Member = usize;

/// What happened to a client's connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// It can be used.
    Connected(Member),
    /// It is gone, and with it what was on its streams.
    Lost(Member, ConnectionError),
    /// A stream that could not be opened may be opened now.
    Room(Member),
    /// The server's whole message on a stream, and when it came; none if the server took the stream back.
    Reply(Member, StreamId, Instant, Option<Vec<u8>>),
    /// A message that the server sent by itself.
    Push(Vec<u8>),
}

/// The connections.
pub(crate) struct Fleet {
    endpoint: Endpoint,
    members: Vec<State>,
    handles: HashMap<ConnectionHandle, Member>,
    timers: BinaryHeap<Reverse<(Instant, Member)>>,
    /// Those that may have something to send.
    active: Vec<Member>,
    pub events: VecDeque<Event>,
    datagram: Vec<u8>,
}

struct State {
    config: ClientConfig,
    connection: Option<(ConnectionHandle, Connection)>,
    /// When it is looked at again, as in the heap.
    timer: Option<Instant>,
    active: bool,
    /// Messages of which a part has come, and of which a part is still to be sent.
    incoming: HashMap<StreamId, Vec<u8>>,
    outgoing: HashMap<StreamId, Vec<u8>>,
}

impl Fleet {
    pub(crate) fn new(configs: Vec<ClientConfig>) -> Self {
        let state = |config| State {
            config,
            connection: None,
            timer: None,
            active: false,
            incoming: HashMap::new(),
            outgoing: HashMap::new(),
        };
        Self {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::default()), None, false, None),
            members: configs.into_iter().map(state).collect(),
            handles: HashMap::new(),
            timers: BinaryHeap::new(),
            active: Vec::new(),
            events: VecDeque::new(),
            datagram: Vec::new(),
        }
    }

    /// Begins a connection, unless the one before is not quite gone yet.
    pub(crate) fn connect(&mut self, now: Instant, member: Member) -> Result<bool, ConnectError> {
        let state = &mut self.members[member];
        if state.connection.is_some() {
            return Ok(false);
        }
        let (handle, connection) = self.endpoint.connect(now, state.config.clone(), server_for(member), SERVER_NAME)?;
        state.connection = Some((handle, connection));
        self.handles.insert(handle, member);
        self.touch(member);
        Ok(true)
    }

    /// Begins a request, if the server allows the client one more stream.
    pub(crate) fn open(&mut self, member: Member) -> Option<StreamId> {
        let (_, connection) = self.members[member].connection.as_mut()?;
        connection.streams().open(Dir::Bi)
    }

    /// Sends the whole message of a stream.
    pub(crate) fn send(&mut self, member: Member, stream: StreamId, message: &[u8]) {
        let state = &mut self.members[member];
        let Some((_, connection)) = &mut state.connection else { return };
        let sent = write(connection, stream, message);
        if sent < message.len() {
            state.outgoing.insert(stream, message[sent..].to_vec());
        }
        self.touch(member);
    }

    /// Gives a stream up.
    pub(crate) fn cancel(&mut self, member: Member, stream: StreamId) {
        let state = &mut self.members[member];
        let Some((_, connection)) = &mut state.connection else { return };
        // Either direction may be closed already.
        let _ = connection.send_stream(stream).reset(VarInt::from_u32(0));
        let _ = connection.recv_stream(stream).stop(VarInt::from_u32(0));
        state.incoming.remove(&stream);
        state.outgoing.remove(&stream);
        self.touch(member);
    }

    /// Ends all connections; the goodbye is sent with the next datagrams.
    pub(crate) fn close(&mut self, now: Instant) {
        for member in 0..self.members.len() {
            if let Some((_, connection)) = &mut self.members[member].connection {
                connection.close(now, VarInt::from_u32(0), Bytes::new());
                self.touch(member);
            }
        }
    }

    /// A datagram from the server to a client.
    pub(crate) fn receive(&mut self, now: Instant, member: Member, ecn: u8, payload: &[u8]) {
        let (from, ecn, data) = (server_for(member), EcnCodepoint::from_bits(ecn), BytesMut::from(payload));
        self.datagram.clear();
        // Stateless resets, for connections that are gone, are not sent.
        let event = self.endpoint.handle(now, from, None, ecn, data, &mut self.datagram);
        let Some(DatagramEvent::ConnectionEvent(handle, event)) = event else { return };
        let Some(member) = self.handles.get(&handle).copied() else { return };
        if let Some((_, connection)) = &mut self.members[member].connection {
            connection.handle_event(event);
            self.poll(now, member);
            self.touch(member);
        }
    }

    /// Handles the timers that are due.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some(Reverse((at, member))) = self.timers.peek().copied().filter(|Reverse((at, _))| *at <= now) {
            self.timers.pop();
            let state = &mut self.members[member];
            // Another time has been set since.
            if state.timer != Some(at) {
                continue;
            }
            state.timer = None;
            if let Some((_, connection)) = &mut state.connection {
                if connection.poll_timeout().is_some_and(|timeout| timeout <= now) {
                    connection.handle_timeout(now);
                    self.poll(now, member);
                }
                self.touch(member);
            }
        }
    }

    /// When [`Self::advance`] is to be called.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Hands over all datagrams that are to be sent now.
    pub(crate) fn transmit(&mut self, now: Instant, mut send: impl FnMut(Member, u8, &[u8])) {
        while let Some(member) = self.active.pop() {
            self.members[member].active = false;
            self.poll(now, member);
            let state = &mut self.members[member];
            let Some((_, connection)) = &mut state.connection else { continue };
            self.datagram.clear();
            while let Some(transmit) = connection.poll_transmit(now, 1, &mut self.datagram) {
                send(member, transmit.ecn.map_or(0, |ecn| ecn as u8), &self.datagram[..transmit.size]);
                self.datagram.clear();
            }
            if let Some(timeout) = connection.poll_timeout()
                && state.timer.is_none_or(|at| timeout < at)
            {
                state.timer = Some(timeout);
                self.timers.push(Reverse((timeout, member)));
            }
        }
    }

    fn touch(&mut self, member: Member) {
        if !std::mem::replace(&mut self.members[member].active, true) {
            self.active.push(member);
        }
    }

    /// Takes what a connection has to say.
    fn poll(&mut self, now: Instant, member: Member) {
        let state = &mut self.members[member];
        let Some((handle, connection)) = &mut state.connection else { return };
        let mut drained = false;
        loop {
            while let Some(event) = connection.poll_endpoint_events() {
                drained |= event.is_drained();
                if let Some(event) = self.endpoint.handle_event(*handle, event) {
                    connection.handle_event(event);
                }
            }
            let Some(event) = connection.poll() else { break };
            match event {
                ConnectionEvent::Connected => self.events.push_back(Event::Connected(member)),
                ConnectionEvent::ConnectionLost { reason } => self.events.push_back(Event::Lost(member, reason)),
                ConnectionEvent::Stream(StreamEvent::Available { dir: Dir::Bi }) => {
                    self.events.push_back(Event::Room(member));
                }
                ConnectionEvent::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                    while let Some(stream) = connection.streams().accept(Dir::Uni) {
                        let read = read(connection, stream, &mut state.incoming);
                        self.events.extend(read.flatten().map(Event::Push));
                    }
                }
                ConnectionEvent::Stream(StreamEvent::Readable { id }) => {
                    let event = match (read(connection, id, &mut state.incoming), id.dir()) {
                        (Some(message), Dir::Bi) => Some(Event::Reply(member, id, now, message)),
                        (Some(Some(message)), Dir::Uni) => Some(Event::Push(message)),
                        (Some(None), Dir::Uni) | (None, _) => None,
                    };
                    self.events.extend(event);
                }
                ConnectionEvent::Stream(StreamEvent::Writable { id }) => {
                    if let Some(message) = state.outgoing.remove(&id) {
                        let sent = write(connection, id, &message);
                        if sent < message.len() {
                            state.outgoing.insert(id, message[sent..].to_vec());
                        }
                    }
                }
                _ => {}
            }
        }
        if drained {
            self.handles.remove(handle);
            state.connection = None;
            state.incoming.clear();
            state.outgoing.clear();
        }
    }
}

/// The server, as this client sees it: so that the endpoint can tell clients apart.
fn server_for(member: Member) -> SocketAddr {
    let address = Ipv6Addr::from_bits(0xfd << 120 | member as u128);
    SocketAddrV6::new(address, CONTROL_PORT, 0, 0).into()
}
