"""A small ISP in network namespaces, on Debian's Mininet: switches, clients, router, delay line, controller and a server
outside. The demo, the end-to-end tests and the benchmarks use it, so there is one testbed."""
