//! Lists that come in pages.

use std::io::Write;

use mimiq_api::admin::{admin_client::AdminClient, *};
use tonic::transport::Channel;

use crate::{
    output::{Json, JsonList, Table},
    server::refused,
    show,
};

/// Elements of a page: the most that the server gives.
const PAGE: i32 = 1000;

pub(crate) async fn leases(
    server: &mut AdminClient<Channel>,
    mut request: ListLeasesRequest,
    limit: Option<usize>,
    json: Option<Json>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut list = List::begin(json.as_ref(), out, ("leases", "Lease"), show::lease_table())?;
    let mut left = limit.unwrap_or(usize::MAX);
    request.page_size = PAGE;
    while left > 0 {
        let page = server.list_leases(request.clone()).await.map_err(refused)?.into_inner();
        let taken = page.leases.len().min(left);
        left -= taken;
        match &mut list {
            List::Json(list) => page.leases[..taken].iter().try_for_each(|lease| list.add(out, lease))?,
            List::Table(table) => {
                page.leases[..taken].iter().for_each(|lease| table.row(show::lease(lease)));
                table.print(out)?;
            }
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    list.end(out)
}

pub(crate) async fn clients(
    server: &mut AdminClient<Channel>,
    connected: bool,
    limit: Option<usize>,
    json: Option<Json>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut list = List::begin(json.as_ref(), out, ("clients", "Client"), show::client_table())?;
    let mut left = limit.unwrap_or(usize::MAX);
    let mut request = ListClientsRequest { page_size: PAGE, connected, ..Default::default() };
    while left > 0 {
        let page = server.list_clients(request.clone()).await.map_err(refused)?.into_inner();
        let taken = page.clients.len().min(left);
        left -= taken;
        match &mut list {
            List::Json(list) => page.clients[..taken].iter().try_for_each(|client| list.add(out, client))?,
            List::Table(table) => {
                page.clients[..taken].iter().for_each(|client| table.row(show::client_row(client)));
                table.print(out)?;
            }
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    list.end(out)
}

/// A list that is printed while it arrives.
pub(crate) enum List<'a> {
    Json(JsonList<'a>),
    Table(Table),
}

impl<'a> List<'a> {
    pub(crate) fn begin(
        json: Option<&'a Json>,
        out: &mut impl Write,
        (field, element): (&str, &'static str),
        table: Table,
    ) -> anyhow::Result<Self> {
        Ok(match json {
            Some(json) => Self::Json(JsonList::begin(json, out, field, element)?),
            None => Self::Table(table),
        })
    }

    pub(crate) fn end(self, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::Json(list) => list.end(out),
            Self::Table(mut table) => table.print(out),
        }
    }
}
