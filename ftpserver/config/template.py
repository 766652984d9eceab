"""The settings file as `ftpserver init` writes it and `conf/ftpserver.yaml` ships it: all keys, at defaults.

This text is the one source; tests hold it to the model in `settings` and hold `conf/ftpserver.yaml` to it.
"""

TEMPLATE = """\
# Settings of ftpserver. Every key may be left out; the values below are the defaults.
# Relative paths are relative to this file. An unknown key is an error: 'ftpserver check' shows file and line.
# Sizes: 10MiB, 1GB or plain bytes. Times: seconds.

# Where the service listens. One entry an address; port 0 lets the system pick a port.
# To be reached from other machines: host 0.0.0.0 (IPv4) or "::" (IPv6).
# Add 'tls: implicit' to an entry for FTPS from the first byte, usually on port 990.
listen:
  - host: 127.0.0.1
    port: 2121
    tls: null                   # null (the client may ask with AUTH TLS) | implicit

# Data connections of PASV and EPSV. Open these ports in the firewall; no other port is ever used.
passive:
  ports: 50000-50999            # null = any free port
  # The address clients are told to connect to; null = the one they reached the service on. Behind NAT: the
  # public address or host name, or a map where the narrowest network that holds the client decides:
  #   public_address:
  #     10.0.0.0/8: null
  #     0.0.0.0/0: ftp.example.org
  public_address: null

# Balancers that send a PROXY header (version 1 or 2) before every control and data connection, by network:
# [10.0.0.5, fd00::/64]. It is demanded from them and believed from nobody else.
trusted_proxies: []

# Homes are compared with the ledger once in this time (seconds), as other programs may change them too.
reconcile_seconds: 3600

# MODE Z, compressed transfers: off | accept | advertise. Advertised, lftp compresses whatever it moves, which
# helps on a slow line and costs most of the speed on a fast one.
deflate: accept

accounts: ../accounts           # one file a user: alice.yaml
homes: ../homes                 # homes that an account gives as a relative path are below this directory
state: ../state                 # quota ledger and control socket; keep it on a local disk

workers: 1                      # processes; auto = one a core

tls:
  mode: optional                # off | optional | required (no login and no data without TLS)
  certificate: tls/server.crt   # PEM, the whole chain
  private_key: tls/server.key   # PEM, readable by the service alone
  data_session_reuse: prefer    # off | prefer | require: data connections resume the control session
  client_ca: null               # PEM of the authority whose certificates clients must show; null asks for none

# 0 = no limit.
limits:
  sessions: 4000
  sessions_per_address: 0
  sessions_per_user: 0          # an account may set its own
  login_seconds: 30             # from connect to a good password
  idle_seconds: 300             # without a command or a transfer
  data_seconds: 60              # a data connection that does not come, or does not move

# An address that fails to log in this often within this time is turned away for that long.
# failures: 0 = never.
login:
  failures: 5
  within_seconds: 600
  ban_seconds: 900

uploads:
  interrupted: keep             # keep (a cut upload of a new name can be resumed) | discard
  durable: false                # true: 226 means the file is also synced to the disk (slower)

# Written to standard error.
log:
  level: info                   # debug | info | warning | error
  format: text                  # text (key=value) | json
"""
