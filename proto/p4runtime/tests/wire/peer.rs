//! PyPI's `p4runtime`, run as a process: one run an order, messages as lines of JSON.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    sync::LazyLock,
};

use serde::{Deserialize, Serialize};

/// A message as `wire.py` prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    pub name: String,
    #[serde(with = "hexadecimal")]
    pub bytes: Vec<u8>,
    #[serde(default)]
    pub text: String,
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

/// The virtual environment's Python.
static PYTHON: LazyLock<String> = LazyLock::new(|| {
    let setup = here().join("setup.sh");
    let help = "this test compares with PyPI's p4runtime: with python3 (and its venv module) installed and the package \
                index in reach, run proto/p4runtime/tests/wire/setup.sh once";
    let output = Command::new(&setup).stderr(Stdio::inherit()).output().unwrap_or_else(|e| panic!("{help}: {e}"));
    assert!(output.status.success(), "{help}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
});

/// Runs `wire.py` and returns what it printed.
fn run(arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new(&*PYTHON)
        .arg(here().join("wire.py"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "wire.py {arguments:?}: {}", output.status);
    writer.join().unwrap().unwrap();
    output.stdout
}

fn messages(lines: &[u8]) -> Vec<Message> {
    lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// The package's `FileDescriptorSet`.
pub fn descriptors() -> Vec<u8> {
    run(&["descriptors"], Vec::new())
}

/// What the package sees in these messages, and how it encodes them.
pub fn echo(sent: &[Message]) -> Vec<Message> {
    let mut input = Vec::new();
    for message in sent {
        serde_json::to_writer(&mut input, message).unwrap();
        input.push(b'\n');
    }
    let seen = messages(&run(&["echo"], input));
    assert_eq!(seen.len(), sent.len());
    seen
}

/// Messages that the package filled itself.
pub fn generate(names: &[&str]) -> Vec<Message> {
    messages(&run(&[&["generate"], names].concat(), Vec::new()))
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.as_bytes().chunks(2);
        digits
            .map(|d| {
                u8::from_str_radix(std::str::from_utf8(d).map_err(D::Error::custom)?, 16).map_err(D::Error::custom)
            })
            .collect()
    }
}
