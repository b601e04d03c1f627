use std::{collections::HashMap, fmt, sync::Arc};

use crate::{Location, bucket::Bucket};

/// A client, in this process' life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A client that has been seen.
#[derive(Debug, Clone)]
pub struct Client {
    /// The common name of its certificate.
    pub name: Arc<str>,
    /// Where it was seen last.
    pub location: Option<Location>,
    pub(crate) requests: Bucket,
}

/// The clients seen so far. They are never forgotten: there are as many as the operator enrolled.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    ids: HashMap<Arc<str>, ClientId>,
    all: Vec<Client>,
}

impl Clients {
    pub(crate) fn named(&mut self, name: &str) -> ClientId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = ClientId(self.all.len() as u32);
        let name: Arc<str> = name.into();
        self.all.push(Client { name: name.clone(), location: None, requests: Bucket::default() });
        self.ids.insert(name, id);
        id
    }

    pub(crate) fn find(&self, name: &str) -> Option<ClientId> {
        self.ids.get(name).copied()
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        self.all.get(id.0 as usize)
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.all.get_mut(id.0 as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.all.iter().enumerate().map(|(n, client)| (ClientId(n as u32), client))
    }
}
