//! Prometheus metrics: counted elsewhere, brought here once a second.

use std::net::SocketAddr;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use mimiq_contract::DropReason;
use mimiq_io::PortMonitor;
use mimiq_pipeline::DropCounters;

use crate::tables::Tables;

pub(crate) const WRITES: &str = "mimiq_switch_write_updates_total";

/// Serves `/metrics` on the current runtime.
///
/// # Errors
/// If the address cannot be bound.
pub fn serve(address: SocketAddr) -> Result<(), BuildError> {
    PrometheusBuilder::new().with_http_listener(address).install()?;
    for (name, help) in [
        (WRITES, "Updates of Write requests, by their canonical code."),
        ("mimiq_switch_drop_packets_total", "Frames dropped, by reason."),
        ("mimiq_switch_drop_bytes_total", "Bytes of the frames dropped, by reason."),
        ("mimiq_switch_port_rx_packets_total", "Frames received, by port."),
        ("mimiq_switch_port_rx_bytes_total", "Bytes received, by port, from the Ethernet header on."),
        ("mimiq_switch_port_tx_packets_total", "Frames handed to the kernel to be sent, by port."),
        ("mimiq_switch_port_tx_bytes_total", "Bytes handed to the kernel to be sent, by port."),
        ("mimiq_switch_port_rx_errors_total", "Received frames too large for a buffer or with a VLAN tag, by port."),
        ("mimiq_switch_port_rx_dropped_total", "Frames the kernel dropped before the switch saw them, by port."),
        ("mimiq_switch_xdp_rx_ring_full_total", "Frames dropped because the AF_XDP receive ring was full, by port."),
        ("mimiq_switch_xdp_fill_ring_empty_total", "Times the AF_XDP fill ring was found empty, by port."),
        ("mimiq_switch_xdp_rx_invalid_total", "Invalid AF_XDP fill ring descriptors, by port; not 0 is a bug."),
        ("mimiq_switch_xdp_tx_invalid_total", "Invalid AF_XDP transmit ring descriptors, by port; not 0 is a bug."),
        ("mimiq_switch_xdp_tx_ring_empty_total", "Times the AF_XDP transmit ring was found empty, by port."),
    ] {
        describe_counter!(name, help);
    }
    describe_gauge!("mimiq_switch_table_entries", "Entries, by table.");
    describe_gauge!("mimiq_switch_table_size", "Entries that the table can hold.");
    Ok(())
}

/// Brings over what the data plane counts.
pub fn update(drops: &DropCounters, ports: &[PortMonitor]) {
    for reason in DropReason::ALL {
        let (packets, bytes) = drops.get(*reason);
        counter!("mimiq_switch_drop_packets_total", "reason" => reason.label()).absolute(packets);
        counter!("mimiq_switch_drop_bytes_total", "reason" => reason.label()).absolute(bytes);
    }
    for port in ports {
        let labels = [("port", port.id.0.to_string()), ("interface", port.interface.clone())];
        let (counted, kernel) = (&port.counters, port.kernel_statistics());
        for (name, value) in [
            ("mimiq_switch_port_rx_packets_total", counted.rx_packets.get()),
            ("mimiq_switch_port_rx_bytes_total", counted.rx_bytes.get()),
            ("mimiq_switch_port_tx_packets_total", counted.tx_packets.get()),
            ("mimiq_switch_port_tx_bytes_total", counted.tx_bytes.get()),
            ("mimiq_switch_port_rx_errors_total", counted.rx_errors.get()),
            ("mimiq_switch_port_rx_dropped_total", kernel.rx_dropped),
            ("mimiq_switch_xdp_rx_ring_full_total", kernel.rx_ring_full),
            ("mimiq_switch_xdp_fill_ring_empty_total", kernel.rx_fill_ring_empty),
            ("mimiq_switch_xdp_rx_invalid_total", kernel.rx_invalid_descs),
            ("mimiq_switch_xdp_tx_invalid_total", kernel.tx_invalid_descs),
            ("mimiq_switch_xdp_tx_ring_empty_total", kernel.tx_ring_empty),
        ] {
            counter!(name, &labels).absolute(value);
        }
    }
}

/// Brings over how full the tables are.
pub fn update_tables(tables: &Tables) {
    for (table, entries, size) in tables.occupancy() {
        gauge!("mimiq_switch_table_entries", "table" => table).set(entries as f64);
        gauge!("mimiq_switch_table_size", "table" => table).set(size as f64);
    }
}
