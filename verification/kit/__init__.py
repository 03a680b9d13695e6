"""What tests and verification share: trips, stores and edges, services, and who calls them.

- What is sold: `trips`; ids of any kind: `legal_ids`.
- What it is kept in: `stores` and `edges`; `passing` and `faulty_batches` stand before a store and watch it or fail,
  and `judged_stock` says which batch writes a quantity otherwise than it should.
- A sale over the use cases, without a server: `sale`, on `clocks` that a test moves; `legal` is what its rows must say,
  `scenes` are its steps, `pictures` what they leave, `life` closes and freezes it, `ended_sale` is its end long after;
  `asking` asks any inventory, `watching` follows its live maps. `commands` are valid ones of every kind.
  `planted_faults`, `planted_stock_faults`, `planted_order_faults`, `planted_shard_faults` write what no step
  writes, for the auditor to find.
- A service: `in_process` says what one in this process is set to, `service_process` is one as a process;
  `child_process` ends any other program with its test.
- `wire` stands between a client and a server, and is cut, stalled or slow.
- `charts` draws lines over time.
- Who calls a service: `shoppers`, and `buyers` of stock, with the client; `requests` are valid and invalid
  messages, sent on streams by `raw_caller`, or as bytes by `frames`; `tokens` say who they are.
"""
