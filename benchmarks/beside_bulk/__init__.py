"""A packet-level model in virtual time: urgent texts beside a bulk transfer, under different rules of sending."""
