//! Three authorities compose a state from what nodes say of themselves, two of them sign it, and a client opens it:
//! `cargo run -p mimiq-directory --example authority`.

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use mimiq_directory::{
    Descriptor, Envelope, KeyRing, Node, Policy, Role, Schedule, SigningKey, Statement, Trust, compose,
};
use mimiq_sphinx::SecretKey;
use rand::Rng;

fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let rng = &mut rand::rng();

    // The policy is the same at each authority: three of them, three layers of one mix, and two providers.
    let authorities = [new_key(rng)?, new_key(rng)?, new_key(rng)?];
    let [x, y, z] = authorities.each_ref().map(SigningKey::public_key);
    let identities = [new_key(rng)?, new_key(rng)?, new_key(rng)?, new_key(rng)?, new_key(rng)?];
    let [a, b, c, p, q] = identities.each_ref().map(SigningKey::public_key);
    let policy = Policy::from_yaml(&format!(
        "network: example
authorities: [{x}, {y}, {z}]
threshold: 2
round: 60
epochs: {{ genesis: 1700000000, length: 86400 }}
packet: {{ hops: 5, payload: 901 }}
rates: {{ mu: 10, lambda_p: 0.5, lambda_l: 0.2, lambda_d: 0.2, lambda_m: 1, pull: 1, messages_per_pull: 8 }}
layers: [[{a}], [{b}], [{c}]]
providers: [{{ name: ada, identity: {p} }}, {{ name: bob, identity: {q} }}]
"
    ))?;

    // Each node makes its keys ahead and describes itself.
    let schedule = Schedule::new(policy.epochs, 3_600)?;
    let mut descriptors = Vec::new();
    for (identity, number) in identities.iter().zip(1..) {
        let mut ring = KeyRing::default();
        for epoch in ring.missing(&schedule, now) {
            ring.add(epoch, SecretKey::generate(rng));
        }
        let role = match number {
            1..=3 => Role::Mix { layer: number },
            4 => Role::Provider { name: "ada".to_owned(), access: "192.0.2.4:443".parse()? },
            _ => Role::Provider { name: "bob".to_owned(), access: "192.0.2.5:443".parse()? },
        };
        let address = format!("192.0.2.{number}:1700").parse()?;
        let keys = ring.published(&schedule, now);
        let link = (*SecretKey::generate(rng).public_key().as_bytes()).into();
        let node = Node { identity: identity.public_key(), address, link, role, keys };
        let statement = Statement { network: policy.network.clone(), sequence: 1, node };
        descriptors.push(serde_json::to_vec(&Descriptor::new(&statement, identity)?)?);
    }

    // Authorities exchange what they got, compose, and find that they have written the same.
    let epoch = policy.epochs.at(now).ok_or("the network has not begun")?;
    let mut published = Envelope::new(&compose(&policy, &descriptors, epoch, 1, now)?.state)?;
    for authority in &authorities[..2] {
        descriptors.reverse();
        let own = Envelope::new(&compose(&policy, &descriptors, epoch, 1, now)?.state)?;
        if own.state != published.state {
            return Err("authorities that have the same descriptors wrote different states".into());
        }
        published.sign(authority);
    }
    println!("{}", published.state);

    // A client trusts two of the three.
    let trust = Trust::new(policy.authorities.clone(), policy.threshold)?;
    let directory = trust.open(&serde_json::to_vec(&published)?, "example", now, None)?;
    let (from, to) = directory.provider("ada").zip(directory.provider("bob")).ok_or("a provider is missing")?;
    println!("A packet from ada to bob, with the delays of its hops:");
    for node in directory.path(from, to, rng) {
        println!("  {} {:?}", node.address, directory.delay(rng));
    }

    // With one signature it would not have opened.
    published.signatures.truncate(1);
    match trust.open(&serde_json::to_vec(&published)?, "example", now, None) {
        Ok(_) => Err("one signature of two was enough".into()),
        Err(refused) => {
            println!("Refused: {refused}");
            Ok(())
        }
    }
}

fn new_key(rng: &mut impl Rng) -> Result<SigningKey, Box<dyn Error>> {
    SigningKey::from_seed(&rng.random()).map_err(|rejected| rejected.to_string().into())
}
