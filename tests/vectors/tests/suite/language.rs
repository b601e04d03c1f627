//! The language of vector files: what is read, and what is refused with which message.

use anyhow::{Result, bail};
use mimiq_contract::{DropReason, PortId};
use mimiq_vectors::{
    entry,
    file::{self, Meter, Vector},
};

fn parse(text: &str) -> Result<Vec<Vector>> {
    file::parse("test.vec", text, &|name| match name {
        "other.tables" => Ok("let mac = 02:00:00:00:00:01\n\ntable port_role port=1 -> set_role(role=client)\n".into()),
        "bad.tables" => Ok("\n# a comment\ntable port_role port=600 -> set_role(role=client)\n".into()),
        "nested.tables" => Ok("include other.tables\n".into()),
        _ => bail!("{name}: no such file"),
    })
}

#[track_caller]
fn refused(text: &str, message: &str) {
    let error = format!("{:#}", parse(text).unwrap_err());
    assert_eq!(error, message);
}

/// A vector around a statement, which is in line 2.
#[track_caller]
fn refused_in_vector(statement: &str, message: &str) {
    refused(&format!("vector \"x\"\n{statement}\nin 1 hex(00)\ndrop no_role"), &format!("test.vec:2: {message}"));
}

#[test]
fn a_vector_has_all_that_is_said() {
    let text = r##"
        include other.tables
        let frame = eth(src=$mac, dst=02:00:00:00:00:02, type=0x88b5)
          /hex(01 02)
        table client_v4 dst_addr=192.0.2.1 -> deliver_v4(port=1, mac=$mac)

        vector "one # not a comment"   # a comment
          with port_role port=2 -> set_role(role=fabric)
          with port_role port=1
            -> set_role(role=upstream)
          without client_v4 dst_addr=192.0.2.1
          meter rate=1 burst=2
          in 1 $frame
          drop hop_limit
          out 511 $frame/text("/)")
          in 2 hex()
          drop no_role
          hits 1 port_role port=1
          hits 0 port_role port=2
        vector "two: $n" for n in 3 4..5
          in 1 zeros($n)
          drop no_role
    "##;
    let error = format!("{:#}", parse(text).unwrap_err());
    assert_eq!(error, "test.vec:20: \"3 4\" is no number");
    let vectors = parse(&text.replace("3 4..5", "4..5")).unwrap();
    let [one, four, five] = &vectors[..] else { panic!("{} vectors", vectors.len()) };
    assert_eq!((one.place.as_str(), one.name.as_str()), ("test.vec:7", "one # not a comment"));
    let state: Vec<_> = one.state.values().map(entry::print).collect();
    assert_eq!(state, ["port_role port=1 -> set_role(role=upstream)", "port_role port=2 -> set_role(role=fabric)"]);
    assert_eq!(one.meter, Some(Meter { rate: 1, burst: 2 }));
    let frame = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 1, 2];
    assert_eq!((one.inputs[0].port, &one.inputs[0].frame[..]), (PortId(1), &frame[..]));
    assert_eq!(one.inputs[0].out, Some((PortId(511), [&frame[..], b"/)"].concat())));
    assert_eq!(one.inputs[0].drop, Some(DropReason::HopLimit));
    assert_eq!((one.inputs[1].frame.len(), &one.inputs[1].out), (0, &None));
    assert_eq!(one.hits.iter().map(|(_, packets)| *packets).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((four.name.as_str(), five.name.as_str()), ("two: 4", "two: 5"));
    assert_eq!((four.inputs[0].frame.len(), five.inputs[0].frame.len()), (4, 5));
    assert_eq!(five.state.len(), 2, "another vector's entries are not there");
}

#[test]
fn messages_name_file_line_and_what_is_wrong() {
    let role = "table port_role port=1 -> set_role(role=client)";
    refused("nonsense", "test.vec:1: \"nonsense\" is no statement here (let, table, include; then vector)");
    refused("\n\nlet x", "test.vec:3: let: NAME = TEXT is expected");
    refused("let x = 1\nlet x = 2", "test.vec:2: let: x is defined already");
    refused("let a-b = 1", "test.vec:1: let: \"a-b\" is no name (letters, digits, _)");
    refused("include missing.tables", "test.vec:1: missing.tables: no such file");
    refused("include nested.tables", "test.vec:1: nested.tables:1: included files include none");
    refused("include bad.tables", "test.vec:1: bad.tables:3: port_role: port: 600 does not fit 9 bits");
    refused(&format!("{role}\n{role}"), "test.vec:2: there is another entry port_role port=1");
    refused("vector x", "test.vec:1: vector \"NAME\" is expected");
    refused("vector \"x\" of 1", "test.vec:1: \" of 1\" is not `for VARIABLE in VALUE ...`");
    refused("vector \"x\" for n in 1", "test.vec:1: the name of a repeated vector must contain $n");
    refused("vector \"$n\" for n in 1..1000", "test.vec:1: 1..1000 is no range of 1 to 256 values");
    refused("vector \"x\"", "test.vec:1: the vector has no frame (in PORT FRAME)");
    refused("vector \"x\"\nin 1 hex(00)", "test.vec:1: a frame has neither out nor drop");
    let vector = "vector \"x\"\nin 1 hex(00)\ndrop no_role\n";
    refused(&format!("{vector}{vector}"), "test.vec:4: there is another vector \"x\"");
    refused(&format!("{vector}drop no_role"), "test.vec:4: drop: a frame is dropped once");
    refused(&format!("{vector}with {}", &role[6..]), "test.vec:4: with: entries stand in front of frames");
    refused(
        &format!("{vector}out 1 hex(00)\nout 1 hex(00)"),
        "test.vec:5: out: one frame leaves for a frame that arrives, at most",
    );
    refused_in_vector("out 1 hex(00)", "out: no frame has arrived yet");
    refused_in_vector("drop no_role", "drop: no frame has arrived yet");
    refused_in_vector("in 512 hex(00)", "port: the largest is 511");
    refused_in_vector("in x hex(00)", "port: \"x\" is no number");
    refused_in_vector("drop nonsense", "\"nonsense\" is no drop reason");
    refused_in_vector("meter rate=1", "meter: rate=NUMBER burst=NUMBER is expected");
    refused_in_vector("meter rate=1 size=1", "meter: \"size=1\" is neither rate=NUMBER nor burst=NUMBER");
    refused_in_vector("hits 1 port_role port=1", "there is no entry port_role port=1");
    refused_in_vector("hits 1 switch_info", "switch_info has no counter");
    refused_in_vector("without port_role port=1", "there is no entry port_role port=1");
    refused_in_vector("in 1 $x", "$x is not defined");
    refused_in_vector(
        "nonsense 1",
        "\"nonsense\" is no statement of a vector (with, without, meter, in, out, drop, hits)",
    );
}

#[test]
fn entries_are_those_of_the_contract() {
    let refused = |text: &str, message: &str| assert_eq!(format!("{:#}", entry::parse(text).unwrap_err()), message);
    refused("port_role port=1", "an entry is TABLE FIELD=VALUE ... -> ACTION(...)");
    refused("ports port=1 -> set_role(role=client)", "ports: no such table");
    refused("port_role port -> set_role(role=client)", "port_role: \"port\" is not FIELD=VALUE");
    refused("port_role mac=1 -> set_role(role=client)", "port_role: no such field: mac");
    refused("port_role port=1 port=2 -> set_role(role=client)", "port_role: port is given twice");
    refused("port_role -> set_role(role=client)", "port_role: port is missing");
    refused(
        "port_role port=1 -> permit_v6",
        "port_role: \"permit_v6\" is no action of this table, those are: set_role",
    );
    refused("port_role port=1 -> set_role", "port_role: set_role: role is missing");
    refused("port_role port=1 -> set_role(role=client", "port_role: the action's ) is missing");
    refused("port_role port=1 -> set_role(client)", "port_role: set_role: \"client\" is not NAME=VALUE");
    refused(
        "port_role port=1 -> set_role(role=guest)",
        "port_role: set_role: role: \"guest\" is no role (client, fabric, upstream)",
    );
    refused(
        "route_v4 dst_addr=10.0.0.0 -> forward_v4()",
        "route_v4: dst_addr: \"10.0.0.0\" is no prefix (ADDRESS/LENGTH)",
    );
    refused("client_v4 dst_addr=10.0.0 -> deliver_v4()", "client_v4: dst_addr: \"10.0.0\" is no IPv4 address");
    let route = |prefix: &str| {
        format!(
            "route_v4 dst_addr={prefix} -> forward_v4(port=1, src_mac=02:00:00:00:00:01, dst_mac=02:00:00:00:00:02)"
        )
    };
    refused(&route("10.0.0.1/8"), "route_v4: dst_addr = 0x0a000001: has bits set behind prefix_len 8");
    refused(&route("10.0.0.1/0"), "route_v4: dst_addr: 10.0.0.1/0 has bits set behind the prefix");
    refused(&route("10.0.0.0/33"), "route_v4: dst_addr = 0x0a000000: prefix_len 33 is not within 1 to 32");
    for text in [&route("0.0.0.0/0"), &route("10.0.0.0/8"), "pool_v6 dst_addr=::/0 -> binding_pool_v6"] {
        assert_eq!(entry::print(&entry::parse(text).unwrap()), *text);
    }
}

#[test]
fn the_projects_own_entries_are_printed_as_they_are_read() {
    for vector in file::read_all(&file::directory()).unwrap() {
        for own in vector.state.values() {
            assert_eq!(entry::parse(&entry::print(own)).unwrap(), *own);
        }
    }
}
