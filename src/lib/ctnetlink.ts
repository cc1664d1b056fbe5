/**
 * The numbers of the kernel's conntrack netlink interface, under their C names, and of nftables' those in use.
 * Headers: linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h,
 * linux/netfilter/nf_conntrack_common.h, linux/netfilter/nf_conntrack_tcp.h, linux/netfilter/nf_tables.h.
 */

// linux/netlink.h
export const NETLINK_NETFILTER = 12;
export const NLMSG_HDRLEN = 16;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLM_F_REQUEST = 0x1;
/** An answer is wanted also where nothing went wrong. */
export const NLM_F_ACK = 0x4;
/** On the messages of a dump: it was interrupted by a change and may be inconsistent. */
export const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH, in a GET. */
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;
export const NLA_HDRLEN = 4;
export const NLA_F_NESTED = 0x8000;
export const NLA_TYPE_MASK = 0x3fff;

// linux/netfilter/nfnetlink.h
/** struct nfgenmsg: family u8, version u8, res_id be16. */
export const NFGENMSG_LEN = 4;
export const NFNETLINK_V0 = 0;
export const NFNL_SUBSYS_CTNETLINK = 1;
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNLGRP_CONNTRACK_NEW = 1;
export const NFNLGRP_CONNTRACK_UPDATE = 2;
export const NFNLGRP_CONNTRACK_DESTROY = 3;

// enum cntl_msg_types
export const IPCTNL_MSG_CT_NEW = 0;
export const IPCTNL_MSG_CT_GET = 1;
export const IPCTNL_MSG_CT_DELETE = 2;
export const IPCTNL_MSG_CT_GET_STATS_CPU = 4;

// linux/netfilter/nf_tables.h: enum nf_tables_msg_types, enum nft_chain_attributes
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;

// enum ctattr_type
export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;
export const CTA_STATUS = 3;
export const CTA_PROTOINFO = 4;
export const CTA_TIMEOUT = 7;
export const CTA_ID = 12;
export const CTA_ZONE = 18;
export const CTA_TIMESTAMP = 20;
export const CTA_STATUS_MASK = 26;
/** Kernels from 6.14, with net.netfilter.nf_conntrack_timestamp=1. */
export const CTA_TIMESTAMP_EVENT = 27;

// enum ctattr_tuple
export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_TUPLE_ZONE = 3;

// enum ctattr_ip
export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
export const CTA_IP_V6_SRC = 3;
export const CTA_IP_V6_DST = 4;

// enum ctattr_l4proto
export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;

// enum ctattr_protoinfo, enum ctattr_protoinfo_tcp
export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_TCP_STATE = 1;

// enum ctattr_tstamp
export const CTA_TIMESTAMP_START = 1;
export const CTA_TIMESTAMP_STOP = 2;

// enum ctattr_stats_cpu: numbers of one CPU, be32 each
export const CTA_STATS_INVALID = 4;
export const CTA_STATS_INSERT_FAILED = 9;
export const CTA_STATS_DROP = 10;
export const CTA_STATS_EARLY_DROP = 11;

// enum ip_conntrack_status
export const IPS_SEEN_REPLY = 0x2;
export const IPS_ASSURED = 0x4;
export const IPS_DST_NAT = 0x20;
export const IPS_OFFLOAD = 0x4000;

// enum tcp_conntrack
export const TCP_CONNTRACK_ESTABLISHED = 3;
export const TCP_CONNTRACK_LAST_ACK = 6;
export const TCP_CONNTRACK_CLOSE = 8;

// linux/in.h, bits/socket.h
export const IPPROTO_TCP = 6;
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_INET6 = 10;
