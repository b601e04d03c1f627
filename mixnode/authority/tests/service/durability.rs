//! What is not on disk is not said.

use std::collections::HashSet;
use std::fs;

use mimiq_directory::Envelope;

use crate::network::{Network, fetch_until, now};
use crate::requests::get;
use crate::setup::identity;

/// Two of three authorities cannot write down what they would sign: the third one's proposals stay alone, until they can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_signed_that_cannot_be_remembered() {
    let network = Network::start().await;
    let in_the_way = [0, 1].map(|number| network.config(number).data.join("signed.json.new"));
    in_the_way.iter().for_each(|path| fs::create_dir(path).unwrap());
    let follower = network.follower(&[0, 1, 2], "seen");
    for descriptor in network.descriptors() {
        assert_eq!(follower.publish(&descriptor).await.unwrap(), 3, "descriptors are stored in other files");
    }
    let mut proposed = HashSet::new();
    let proposals = async {
        // The second comes a turn after the first, which the others have been asking for all the time.
        while proposed.len() < 2 {
            let serial = now() - network.policy.epochs.genesis + 1;
            for serial in [serial - 1, serial] {
                let (status, _, body) = get(network.addresses[2], &format!("/v1/proposal/{serial}"), "").await;
                if status == 200 {
                    let envelope: Envelope = serde_json::from_str(&body).unwrap();
                    let signers: Vec<_> = envelope.signatures.iter().map(|signature| signature.authority).collect();
                    assert_eq!(signers, [identity(103)]);
                    proposed.insert(serial);
                }
                for number in [0, 1] {
                    let path = format!("/v1/proposal/{serial}");
                    assert_eq!(get(network.addresses[number], &path, "").await.0, 404);
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::network::PATIENCE, proposals).await.unwrap();
    assert!(follower.fetch(now()).await.unwrap().is_none());
    in_the_way.iter().for_each(|path| fs::remove_dir(path).unwrap());
    fetch_until(&follower, |directory| directory.state().nodes.len() == 8).await;
    network.stop().await;
}
