"""iSCSI without sockets, for both ends (RFC 7143, error recovery level 0).

| module | idea |
|---|---|
| `bhs`, `codes` | the 48-byte header of every PDU as a table; its codes |
| `pdu`, `digest` | PDUs cut from a byte stream and made into bytes; CRC32C |
| `text` | key=value text over as many PDUs as it needs |
| `keys`, `negotiation` | the keys as data; offers, answers, agreed `Parameters` |
| `chap` | authentication, one-way and mutual |
| `login`, `login_initiator` | the login phase of a target and of an initiator |
| `numbers`, `transfer`, `tasks` | windows of CmdSN; the data of a write; what a target is told of |
| `target`, `sender`, `text_exchange` | a session at the target |
| `session_initiator`, `sender_initiator`, `task_initiator` | a session at the initiator |
| `errors` | whose fault it was, and what goes on the wire |

Nothing here reads a socket, a clock or a source of randomness: bytes go in, bytes and values come out.
"""
