//! Key epochs come and go under traffic.

use mimiq_directory::Epochs;

use crate::setup::{Network, next, now, rates};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_keys_change() {
    // Long enough for a machine that stands still for a moment: a packet must not be on its way for longer, nor a state be published later.
    let epochs = Epochs { genesis: now() - 10, length: 4 };
    let mut network = Network::start(epochs, rates(50.0, 1.0));
    let send = network.nodes[3].node.from_clients();
    let first = epochs.at(now()).unwrap();
    let keys_of = |network: &Network, number: usize| network.nodes[number].node.published().borrow().clone();
    let mut keys = keys_of(&network, 0);
    network.until_linked(&send).await;
    let mut number = 1u64;
    while epochs.at(now()).unwrap() < first + 3 {
        let epoch = epochs.at(now()).unwrap();
        if keys[0].epoch != epoch && (0..5).all(|number| keys_of(&network, number)[0].epoch == epoch) {
            let new = keys_of(&network, 0);
            // The key of the epoch that has begun was known before.
            assert_eq!(new[0], keys[1]);
            keys = new;
            network.publish();
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let (packet, payload) = network.packet([1; 16], id);
        assert!(send(&packet));
        loop {
            let (_, got, content) = next(&mut network.nodes[4].delivered).await;
            if got == id {
                assert_eq!(content, payload);
                break;
            }
        }
        number += 1;
    }
    let files: Vec<_> = std::fs::read_dir(network.folder.path().join("0"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tags"))
        .collect();
    assert!(files.len() <= 3, "logs of epochs that are over: {files:?}");
    network.stop().await;
}
