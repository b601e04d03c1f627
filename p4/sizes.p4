// How many entries each table holds. The target's top file may define smaller ones before it includes this.
#ifndef MIMIQ_SIZES_P4
#define MIMIQ_SIZES_P4

// Ports have 9 bits on BMv2 and Tofino 1.
#define SIZE_PORTS 512
// Leased addresses in each family: 1 M, what the software switch is built for. A client holds several.
#ifndef SIZE_CLIENTS_V6
#define SIZE_CLIENTS_V6 1048576
#endif
#ifndef SIZE_CLIENTS_V4
#define SIZE_CLIENTS_V4 1048576
#endif
// Naive mode has an entry at every edge for each address of all pools.
#ifndef SIZE_BINDINGS_V6
#define SIZE_BINDINGS_V6 1048576
#endif
#ifndef SIZE_BINDINGS_V4
#define SIZE_BINDINGS_V4 1048576
#endif
// MIMIQ §3.3 counts on 2^16 SID aliases: every value of a 16-bit alias field.
#ifndef SIZE_ALIASES
#define SIZE_ALIASES 65536
#endif
// A pool is a prefix that the operator announces.
#define SIZE_POOLS 256
// The pools and the trusted network's own prefixes.
#define SIZE_DENIED_SOURCES 256
// One for each pair of an edge and this switch.
#define SIZE_TUNNELS 256
// The well-known control address, perhaps a second one during a change.
#define SIZE_CONTROL 16
// The gateway's addresses on each role, and one for each subnet that the switch answers for.
#define SIZE_GATEWAYS 1024
// Inside and default routes; a full Internet table is a router's job.
#ifndef SIZE_ROUTES
#define SIZE_ROUTES 16384
#endif
// As many as `drop_reason` has indices: 6 bits.
#define SIZE_REASONS 64

#endif
