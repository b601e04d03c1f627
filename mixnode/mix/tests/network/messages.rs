//! Messages from client to client.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;

use mimiq_mix_testbed::{Network, Plan, Process, output};

use crate::{PATIENCE, binary};

/// `mimiq-mix`, killed if it takes too long: what is waited for may have been lost, and then never comes.
fn bounded() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &(2 * PATIENCE.as_secs()).to_string()]).arg(binary());
    command
}

fn address(config: &Path) -> String {
    output(bounded().args(["client", "address", "--config"]).arg(config)).unwrap()
}

/// Prints the next messages as JSON, one in a line.
fn receive(config: &Path, count: usize) -> Vec<String> {
    let mut command = bounded();
    command.args(["client", "receive", "--json", "--count", &count.to_string(), "--config"]).arg(config);
    output(&mut command).unwrap().lines().map(str::to_owned).collect()
}

fn send(config: &Path, to: &str, text: &str, more: &[&str]) -> anyhow::Result<String> {
    output(bounded().args(["client", "send", "--to", to, "--config"]).arg(config).args(more).arg(text))
}

/// A chat at a terminal: lines in, lines out.
struct Chat {
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    process: Process,
}

impl Chat {
    fn start(network: &Network, config: &Path, with: Option<&str>) -> Self {
        let mut command = network.command();
        command.args(["client", "chat", "--config"]).arg(config).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(with) = with {
            command.args(["--with", with]);
        }
        let mut process = Process::start(&mut command, &config.with_extension("log")).unwrap();
        let (sender, lines) = mpsc::channel();
        let output = process.child().stdout.take().unwrap();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let input = process.child().stdin.take();
        Self { input, lines, process }
    }

    fn says(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that begins so.
    fn sees(&self, beginning: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(beginning) => return line,
                Ok(_) => {}
                Err(error) => panic!("{beginning:?}: {error}\n{}", self.process.log()),
            }
        }
    }

    /// Ends standard input, and waits for the end.
    fn ends(mut self) {
        self.input.take();
        assert!(self.process.child().wait().unwrap().success(), "{}", self.process.log());
    }
}

/// A message to someone who is offline waits at the provider, which is killed meanwhile; and a long one takes many packets.
#[test]
fn messages_wait_for_their_recipient_and_outlive_the_provider() {
    // Without loops of clients: what is stored is the message.
    let [lambda_p, _, lambda_d] = Plan::default().lambda;
    let plan = Plan { lambda: [lambda_p, 1e-6, lambda_d], ..Plan::default() };
    let mut network = Network::start(binary(), plan).unwrap();
    network.wait_until_ready().unwrap();
    let (alice, bob) = (network.client("alice", "p1").unwrap(), network.client("bob", "p2").unwrap());
    let to_bob = address(&bob);

    // Who has never been there has no account.
    let stored = "mimiq_provider_messages_total";
    let hello = Chat::start(&network, &bob, None);
    hello.sees("* waiting");
    hello.ends();

    let before = network.metrics("p2").unwrap().value(stored);
    assert_eq!(send(&alice, &to_bob, "while you were out", &["--unreliable"]).unwrap(), "sent");
    network
        .wait("the message is stored", || network.metrics("p2").is_ok_and(|metrics| metrics.value(stored) > before))
        .unwrap();
    network.process("p2").unwrap().kill().unwrap();
    network.restart("p2").unwrap();
    let from_alice = format!("{{\"from\":\"{}\",\"text\":\"while you were out\"}}", address(&alice));
    assert_eq!(receive(&bob, 1), [from_alice]);

    // Bob is online: the message is acknowledged. It is longer than a packet.
    let long = "long ".repeat(2000);
    let got = std::thread::scope(|scope| {
        let got = scope.spawn(|| receive(&bob, 1));
        assert_eq!(send(&alice, &to_bob, &long, &[]).unwrap(), "delivered");
        got.join().unwrap()
    });
    assert!(got[0].contains(&long) && got.len() == 1);

    // What was taken does not come again.
    std::thread::scope(|scope| {
        let got = scope.spawn(|| receive(&bob, 1));
        assert_eq!(send(&alice, &to_bob, "last", &[]).unwrap(), "delivered");
        assert!(got.join().unwrap()[0].contains("\"last\""));
    });

    // Who sends ends, although a message waits for her; and it stays.
    let before = network.metrics("p1").unwrap().value(stored);
    assert_eq!(send(&bob, &address(&alice), "for later", &["--unreliable"]).unwrap(), "sent");
    network
        .wait("the message is stored", || network.metrics("p1").is_ok_and(|metrics| metrics.value(stored) > before))
        .unwrap();
    std::thread::scope(|scope| {
        let got = scope.spawn(|| receive(&bob, 1));
        assert_eq!(send(&alice, &to_bob, "in between", &[]).unwrap(), "delivered");
        assert!(got.join().unwrap()[0].contains("\"in between\""));
    });
    assert!(receive(&alice, 1)[0].contains("\"for later\""));
}

#[test]
fn two_people_chat_and_one_goes_offline_for_a_while() {
    let network = Network::start(binary(), Plan::default()).unwrap();
    network.wait_until_ready().unwrap();
    let (alice, bob) = (network.client("alice", "p1").unwrap(), network.client("bob", "p2").unwrap());
    let mut second = Chat::start(&network, &bob, None);
    let to_bob = second.sees("* you are ").replace("* you are ", "");
    // A folder is one process's.
    let refused = output(network.command().args(["client", "address", "--config"]).arg(&bob)).unwrap_err();
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    let mut first = Chat::start(&network, &alice, Some(&to_bob));
    first.sees("* talking");
    first.says("hello bob");
    assert_eq!(second.sees("> "), "> hello bob");
    first.sees("* 1 delivered");
    second.says("hello alice");
    assert_eq!(first.sees("> "), "> hello alice");
    second.ends();

    first.says("are you there?");
    let mut second = Chat::start(&network, &bob, None);
    assert_eq!(second.sees("> "), "> are you there?");
    first.sees("* 2 delivered");
    second.says("I am back");
    assert_eq!(first.sees("> "), "> I am back");
    second.ends();
    first.ends();
}

#[test]
fn who_cannot_be_reached_is_named() {
    let network = Network::start(binary(), Plan::default()).unwrap();
    network.wait_until_ready().unwrap();
    let alice = network.client("alice", "p1").unwrap();
    let nobody = network.client("nobody", "elsewhere").unwrap();
    let refused = send(&alice, "not-an-address", "hello", &[]).unwrap_err().to_string();
    assert!(refused.contains("not-an-address"), "{refused}");
    let to_nobody = address(&nobody);
    let refused = send(&alice, &to_nobody, "hello", &[]).unwrap_err().to_string();
    assert!(refused.contains("provider \"elsewhere\" is not in the network"), "{refused}");
    let mut command = network.command();
    command.args(["client", "receive", "--config"]).arg(&nobody).stdout(Stdio::null());
    let process = Process::start(&mut command, &nobody.with_extension("log")).unwrap();
    let named = || process.log().contains("no provider \"elsewhere\" in the network");
    network.wait("it is named", named).unwrap();
}

/// The provider is gone, so that nothing can be settled.
#[test]
fn a_second_signal_ends_a_client_that_waits_for_its_last_packets() {
    let mut network = Network::start(binary(), Plan::default()).unwrap();
    network.wait_until_ready().unwrap();
    let bob = network.client("bob", "p2").unwrap();
    let mut command = network.command();
    command.args(["client", "receive", "--config"]).arg(&bob).stdout(Stdio::null());
    let mut process = Process::start(&mut command, &bob.with_extension("log")).unwrap();
    network.wait("it is connected", || process.log().contains(" connected")).unwrap();
    assert!(network.process("p2").unwrap().terminate().unwrap().success());
    // By the connection's end, or by that of the pull that was under way.
    let seen = || ["is lost", "a pull failed"].iter().any(|said| process.log().contains(said));
    network.wait("it has seen that", seen).unwrap();
    output(Command::new("kill").args(["-TERM", &process.child().id().to_string()])).unwrap();
    network.wait("it waits", || process.log().contains("another signal ends it at once")).unwrap();
    assert!(process.terminate().unwrap().success());
    assert!(process.log().contains("a signal: nothing is waited for"), "{}", process.log());
}
