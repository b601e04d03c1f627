use tokio::process::Command;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{Managed, common::Options};

#[tokio::test]
async fn the_interface_describes_itself() {
    let managed = Managed::start(Options::default()).await;
    let mut server = ServerReflectionClient::new(managed.channel().await);
    let ask = |request| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        tokio_stream::once(request)
    };
    let services = server.server_reflection_info(ask(MessageRequest::ListServices(String::new()))).await.unwrap();
    let answer = services.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = answer else { panic!("{answer:?}") };
    assert!(services.service.iter().any(|service| service.name == "mimiq.admin.v1.Admin"), "{services:?}");
    let symbol = MessageRequest::FileContainingSymbol("mimiq.admin.v1.Admin.ListLeases".into());
    let file = server.server_reflection_info(ask(symbol)).await.unwrap();
    let answer = file.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    assert!(matches!(answer, MessageResponse::FileDescriptorResponse(_)), "{answer:?}");
    managed.controller.stop().await;
}

#[tokio::test]
async fn a_wrong_command_line_is_told_from_a_failure() {
    let run = async |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mimiqctl"));
        let output = command.env_clear().args(arguments).kill_on_drop(true).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = run(&["status"]).await;
    assert_eq!(code, Some(2));
    assert!(message.contains("--pki DIR is needed"), "{message}");
    assert_eq!(run(&["frobnicate"]).await.0, Some(2));
    assert_eq!(run(&["leases", "list", "--prefix", "nonsense"]).await.0, Some(2));
    let (code, message) = run(&["--pki", "/nonexistent", "status"]).await;
    assert_eq!(code, Some(1));
    assert!(message.contains("/nonexistent/operator.pem"), "{message}");
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(run(&["completions", shell]).await.0, Some(0), "{shell}");
    }
}
