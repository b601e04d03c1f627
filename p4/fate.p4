// The decision about a frame, for actions and controls alike.
#ifndef MIMIQ_FATE_P4
#define MIMIQ_FATE_P4

#include "headers.p4"

#define DROP(why) { meta.fate = FATE_DROP; meta.reason = why; meta.forward = false; }
#define DROP_WITH(why, error) { meta.fate = FATE_DROP; meta.reason = why; meta.icmp = error; meta.forward = false; }
#define SEND(port) { meta.fate = FATE_SEND; meta.egress_port = port; }

#endif
