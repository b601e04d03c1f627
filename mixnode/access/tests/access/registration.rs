//! Who is served.

use mimiq_access::{AccessConfig, Client, ClientError, Refusal, Registration, Token, codes};
use quinn::ConnectionError;

use crate::setup::{Provider, account, config, open, shape, soon};

fn token(byte: u8) -> Token {
    Token::from_bytes([byte; 32]).unwrap()
}

async fn hello(provider: &Provider, seed: u8, token: Option<&Token>) -> Result<(), Refusal> {
    match soon(Client::hello(provider.connect(seed).await, shape(), token)).await {
        Ok(_) => Ok(()),
        Err(ClientError::Refused(refusal)) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn open_registration_takes_everybody_but_the_blocked() {
    let dir = tempfile::tempdir().unwrap();
    let config = AccessConfig { blocked: vec![account(2)], ..config() };
    let provider = Provider::start(&config, dir.path());
    assert!(!provider.store.is_registered(account(1)).unwrap());
    assert_eq!(hello(&provider, 1, None).await, Ok(()));
    assert!(provider.store.is_registered(account(1)).unwrap());
    // A token that nobody asked for does no harm.
    assert_eq!(hello(&provider, 3, Some(&token(1))).await, Ok(()));
    assert_eq!(hello(&provider, 2, None).await, Err(Refusal::Blocked));
    assert!(!provider.store.is_registered(account(2)).unwrap());
    provider.stop().await;
}

#[tokio::test]
async fn a_token_admits_one_account_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = vec![token(1).hash(), token(2).hash()];
    let config = AccessConfig { registration: Registration::Tokens, tokens, blocked: vec![account(9)], ..config() };
    let provider = Provider::start(&config, dir.path());
    assert_eq!(hello(&provider, 1, None).await, Err(Refusal::Token));
    assert_eq!(hello(&provider, 1, Some(&token(3))).await, Err(Refusal::Token));
    assert!(!provider.store.is_registered(account(1)).unwrap());
    assert_eq!(hello(&provider, 9, Some(&token(1))).await, Err(Refusal::Blocked));
    assert_eq!(hello(&provider, 1, Some(&token(1))).await, Ok(()));
    // Its answer may be lost: it says the same again.
    assert_eq!(hello(&provider, 1, Some(&token(1))).await, Ok(()));
    assert_eq!(hello(&provider, 2, Some(&token(1))).await, Err(Refusal::Token));
    provider.stop().await;
    let provider = Provider::with(&config, open(dir.path()));
    assert_eq!(hello(&provider, 2, Some(&token(1))).await, Err(Refusal::Token));
    assert_eq!(hello(&provider, 1, None).await, Ok(()));
    assert_eq!(hello(&provider, 2, Some(&token(2))).await, Ok(()));
    provider.stop().await;
}

#[tokio::test]
async fn clients_are_told_when_the_provider_stops() {
    let dir = tempfile::tempdir().unwrap();
    let provider = Provider::start(&config(), dir.path());
    let client = provider.client(1).await;
    provider.stop().await;
    let ConnectionError::ApplicationClosed(close) = soon(client.connection().closed()).await else { panic!() };
    assert_eq!(close.error_code, codes::STOPPED.into());
}
