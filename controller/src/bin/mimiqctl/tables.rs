//! `table dump`.

use std::io::Write;

use mimiq_api::admin::{DumpTableRequest, admin_client::AdminClient, table_row::State};
use tonic::transport::Channel;

use crate::{
    leases::List,
    output::{Json, Table},
    server::refused,
    show::table_row,
};

pub(crate) async fn dump(
    server: &mut AdminClient<Channel>,
    request: DumpTableRequest,
    differences: bool,
    json: Option<Json>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let table = Table::new(["TABLE", "STATE", "KEY", "SWITCH", "WANTED"]);
    let mut list = List::begin(json.as_ref(), out, ("rows", "TableRow"), table)?;
    let mut messages = server.dump_table(request).await.map_err(refused)?.into_inner();
    while let Some(message) = messages.message().await.map_err(refused)? {
        for row in message.rows.iter().filter(|row| !differences || row.state() != State::Same) {
            match &mut list {
                List::Json(list) => list.add(out, row)?,
                List::Table(table) => table.row(table_row(row)),
            }
        }
        if let List::Table(table) = &mut list {
            table.print(out)?;
        }
    }
    list.end(out)
}
