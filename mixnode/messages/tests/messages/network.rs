//! Two clients over real packets: every fragment and every acknowledgement goes through five hops.

use std::collections::HashMap;
use std::time::Duration;

use mimiq_messages::{Acknowledgement, Event, Fragment, InboxConfig, Outcome, open, seal};
use mimiq_sphinx::{
    Action, Destination, Geometry, Hop, NodeKey, SecretKey, Unwrapper, build, build_surb, payload, reply,
};
use rand::Rng as _;

use crate::setup::{SECOND, address, body, identity, inbox, outbox, rng};

const EPOCH: u8 = 3;

struct Nodes {
    geometry: Geometry,
    keys: Vec<NodeKey>,
    unwrappers: Vec<Unwrapper>,
}

impl Nodes {
    fn new() -> Self {
        let (geometry, mut rng) = (Geometry::default(), rng(1));
        let secrets: Vec<SecretKey> = (0..5).map(|_| SecretKey::generate(&mut rng)).collect();
        let keys = secrets.iter().map(|secret| NodeKey::new(secret.public_key()).unwrap()).collect();
        Self { geometry, keys, unwrappers: secrets.into_iter().map(|key| Unwrapper::new(geometry, key)).collect() }
    }

    fn path(&self) -> Vec<Hop<'_>> {
        let hop = |(at, key)| Hop { node: [at as u8; 16], key, delay: Duration::from_millis(1) };
        self.keys.iter().enumerate().map(hop).collect()
    }

    /// What the last provider puts into whose inbox, under what name.
    fn carry(&self, mut packet: Vec<u8>) -> ([u8; 16], [u8; 16], Vec<u8>) {
        for unwrapper in &self.unwrappers {
            let mut results = vec![];
            unwrapper.unwrap_batch(&mut [&mut packet], &mut results);
            if let Action::Deliver { recipient, id } = results[0].unwrap().action {
                return (recipient, id, payload(&self.geometry, &packet).to_vec());
            }
        }
        panic!("not delivered");
    }
}

#[test]
fn a_message_is_delivered_over_a_lossy_network() {
    let nodes = Nodes::new();
    let geometry = nodes.geometry;
    let mut rng = rng(2);
    let (alice, bob) = (identity(1), identity(2));
    let (mut outbox, mut inbox) = (outbox(), inbox(InboxConfig::default()));
    let sent = body(3000);
    let id = outbox.submit(address(2), sent.clone(), true, &mut rng).unwrap();

    let mut blocks = HashMap::new();
    let mut received = vec![];
    let (mut now, mut packets) = (0, 0);
    let event = loop {
        if let Some(event) = outbox.event() {
            break event;
        }
        let Some(due) = outbox.next(now) else {
            now = outbox.deadline().unwrap();
            continue;
        };
        let (piece, account) = (due.piece, *due.to.account());
        let name: [u8; 16] = rng.random();
        let back = Destination::Inbox { recipient: *address(1).account(), id: name };
        let (block, keys) = build_surb(&geometry, EPOCH, &nodes.path(), &back, &mut rng).unwrap();
        blocks.insert(name, (keys, piece));
        let fragment = Fragment { piece, count: due.count, block: Some(&block), bytes: due.bytes };
        let mut content = vec![0; geometry.payload_len()];
        seal(&alice, due.to.key(), &fragment.encode(), &mut rng, &mut content).unwrap();
        let mut packet = vec![0; geometry.packet_len()];
        let to = Destination::Inbox { recipient: account, id: rng.random() };
        build(&geometry, EPOCH, &nodes.path(), &to, &content, &mut rng, &mut packet).unwrap();
        outbox.sent(now, piece, &mut rng);
        now += SECOND;

        packets += 1;
        if packets % 3 == 0 {
            continue; // lost
        }
        let (recipient, _, mut arrived) = nodes.carry(packet);
        assert_eq!(recipient, [2; 16]);
        assert_eq!(open(&alice, &mut arrived.clone()), None);
        let opened = open(&bob, &mut arrived).unwrap();
        assert_eq!(&opened.sender, alice.public_key());
        let fragment = Fragment::parse(opened.content, &geometry).unwrap();
        let accepted = inbox.accept(0, &opened.sender, &fragment).unwrap();
        if let Outcome::Complete(message) = accepted.outcome {
            received.push(message);
        }

        let mut packet = vec![0; geometry.packet_len()];
        let answer = accepted.acknowledgement.unwrap().payload(&geometry);
        assert_eq!(reply(&geometry, fragment.block.unwrap(), &answer, &mut packet), Ok([0; 16]));
        if packets % 4 == 0 {
            continue; // lost
        }
        let changed = packets == 2;
        if changed {
            packet[geometry.packet_len() - 1] ^= 1;
        }
        let (recipient, name, mut arrived) = nodes.carry(packet);
        assert_eq!(recipient, [1; 16]);
        assert!(Acknowledgement::parse(&arrived).is_none(), "the provider does not read it");
        assert_eq!(open(&alice, &mut arrived.clone()), None, "nor is it taken for a message");
        let (keys, piece) = blocks.remove(&name).unwrap();
        keys.open(&mut arrived);
        match Acknowledgement::parse(&arrived) {
            Some(acknowledgement) => assert!(outbox.acknowledged(piece, &acknowledgement)),
            None => assert!(changed),
        }
    };
    assert_eq!(event, Event::Delivered(id));
    assert_eq!(received, [sent]);
    assert!(packets > 7, "some were sent again");
}
