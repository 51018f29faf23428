/** Every limit of the network's edge, with its unit. What is over a limit is refused, and the refusal states it. */
import { ENVELOPE_MAX_BYTES } from '../record/limits.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** One frame on any of our protocols: the largest record, and room for what is around it. */
export const FRAME_MAX_BYTES = ENVELOPE_MAX_BYTES + 32 * KIB;
/** One request. A sync request says about 100 bytes for each feed. */
export const REQUEST_MAX_BYTES = 64 * KIB;
/** Until the whole request is here: half-open and trickling streams end then. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** Between two frames of an answer. */
export const IDLE_TIMEOUT_MS = 15_000;
/** One exchange on one stream, from its opening to its end. */
export const STREAM_TIMEOUT_MS = 120_000;
/** Until the other side has closed a stream on which all is said. */
export const CLOSE_TIMEOUT_MS = 5_000;
/** Streams of one protocol that one connection may have open towards us, and we towards it. */
export const STREAMS_PER_CONNECTION = 16;

/** Feeds in one sync request; a node that carries more asks several times. */
export const SYNC_MAX_MARKS = 500;
/** Marks of one peer that are remembered, so that it need not say them again; one with more says them all each time. */
export const SYNC_MAX_REMEMBERED_MARKS = 2048;
/** Marks of all peers that are remembered, about 300 bytes each, and as many that were told to peers. */
export const SYNC_MEMORY_MAX_MARKS = 32_768;
/** Marks of one private group that are remembered, as above: its members’ marks of its members’ feeds. */
export const GROUP_MEMORY_MAX_MARKS = 4096;
/** After so many exchanges by what has changed, everything is said once more. */
export const SYNC_FULL_EVERY = 64;
/** Bytes of the name that an answerer gives to what it remembers. */
export const SYNC_TOKEN_MAX_BYTES = 32;
/** Records in one answer to a sync request; the asker asks again for more. */
export const SYNC_MAX_RECORDS = 1024;
/** Bytes of records in one answer to a sync request. */
export const SYNC_MAX_BYTES = 8 * MIB;
/** Bytes of records in one frame, unless a single record is larger. */
export const SYNC_FRAME_BYTES = 64 * KIB;
/** Answers taken from one peer in one sync: 64 of 8 MiB. */
export const SYNC_MAX_ROUNDS = 64;
/** Refusals of one author's records and heads in one sync: then nothing more of that author is looked at in it. */
export const SYNC_MAX_REFUSED_PER_AUTHOR = 4;
/** Refusals in one sync of what cannot even be read: then it is ended. */
export const SYNC_MAX_REFUSED = 16;
/** Records of an answer that are judged together: so many may be refused before anybody counts. */
export const SYNC_JUDGED_TOGETHER = 64;
/** Records read from the store at once. */
export const SYNC_READ_RECORDS = 64;

/** The own signed head is issued again after this; it expires after 14 days. */
export const OWN_HEAD_MAX_AGE_MS = 24 * 60 * 60_000;

/** Patches named in one answer about a symptom. */
export const SYMPTOM_MAX_PLACES = 64;

/** One chunk of a blob. */
export const BLOB_CHUNK_BYTES = 64 * KIB;
/** Streams that one blob may take: it goes on where the last one broke off. */
export const BLOB_MAX_ATTEMPTS = 3;
/** Characters of a blob type's name. */
export const BLOB_TYPE_MAX_LENGTH = 64;

/** One message of a reconciliation, either way. */
export const RECONCILE_MESSAGE_BYTES = 48 * KIB;
/** Messages that one reconciliation may take: as many entries as a list may have are through in fewer. */
export const RECONCILE_MAX_MESSAGES = 64;
/** Entries that two lists may differ in to be compared this way; beyond it, the whole list is the smaller thing to send. */
export const RECONCILE_MAX_DIFFERENCES = 20_000;
/** Entries asked for at once: their ids fill most of a request. */
export const RECONCILE_MAX_WANTED = 1024;
/** Entries in one answer, bytes; the asker asks again for more. */
export const RECONCILE_ANSWER_BYTES = 1 * MIB;
/** Lists whose entries are kept ready, some 100 bytes an entry: a comparison asks several times for one. */
export const RECONCILE_LISTS_KEPT = 2;

/** Entries that one challenge may name. */
export const CHALLENGE_MAX_PATHS = 64;
/** Characters of one entry's name. */
export const CHALLENGE_PATH_MAX_LENGTH = 4096;
/** Bytes of a challenge's nonce. */
export const CHALLENGE_NONCE_BYTES = 32;
/** One answer to a challenge: a digest a path, and what frames them. */
export const CHALLENGE_ANSWER_BYTES = 8 * KIB;
/** How often an asker comes again for an answer. */
export const CHALLENGE_POLL_MS = 2_000;
/** After this it gives up: half an hour. */
export const CHALLENGE_DEADLINE_MS = 30 * 60_000;
/** Answers that are kept for their askers to fetch. */
export const CHALLENGE_KEPT = 16;
/** Challenges that one peer may have worked on: each reads a whole image in a VM. */
export const CHALLENGE_WORK_LIMIT = { burst: 4, intervalMs: 15 * 60_000 } as const;

/** One whole gossip frame. */
export const GOSSIP_FRAME_MAX_BYTES = 256 * KIB;
/** Messages below this are not announced before they are sent: on small ones that only makes it slower (measured). */
export const GOSSIP_IDONTWANT_MIN_BYTES = 4 * KIB;
/** Bytes of gossip that wait for one slow peer. */
export const GOSSIP_OUTBOUND_MAX_BYTES = 4 * MIB;

/** Requests that one peer may make at once, and how long one takes to come back. */
export const RATE_LIMITS = {
  sync: { burst: 32, intervalMs: 1_000 },
  symptom: { burst: 16, intervalMs: 2_000 },
  blob: { burst: 32, intervalMs: 1_000 },
  reconcile: { burst: 128, intervalMs: 250 },
  challenge: { burst: 16, intervalMs: 1_000 },
  gossip: { burst: 256, intervalMs: 50 },
} as const;

/**
 * What one peer may cost beside its requests: so much at once, and how long one unit takes to come back. Peers of the
 * policy are limited too, more widely, and never banned; strangers share one more budget, however many they are.
 */
export const BUDGETS = {
  friend: {
    /** Bytes sent to it: 64 MiB, then 4 MiB a second. */
    sent: { burst: 64 * MIB, intervalMs: 1_000 / (4 * MIB) },
    /** Bytes taken from it. */
    received: { burst: 256 * MIB, intervalMs: 1_000 / (4 * MIB) },
    /** Records, heads and proofs of its that were refused: each may have cost a signature check. */
    refused: { burst: 128, intervalMs: 1_000 },
  },
  stranger: {
    sent: { burst: 16 * MIB, intervalMs: 1_000 / (256 * KIB) },
    received: { burst: 16 * MIB, intervalMs: 1_000 / (256 * KIB) },
    refused: { burst: 32, intervalMs: 10_000 },
  },
  allStrangers: {
    sent: { burst: 128 * MIB, intervalMs: 1_000 / (2 * MIB) },
    received: { burst: 128 * MIB, intervalMs: 1_000 / (2 * MIB) },
    refused: { burst: 256, intervalMs: 500 },
  },
} as const;
/** Peers whose rate is remembered. */
export const RATE_LIMIT_MAX_PEERS = 4096;

/** PeerIds of which the key is kept ready, about 200 bytes each. */
export const PEER_KEYS_KEPT = 1024;

/** Requests of one peer that are being answered, on all its connections. */
export const ANSWERING_MAX_PER_PEER = 32;
/** Requests of all peers that are being answered: each may hold one request and one frame, 224 KiB. */
export const ANSWERING_MAX = 256;
/** Of those, the most that are of strangers: what peers of the policy ask always finds room. */
export const ANSWERING_MAX_OF_STRANGERS = 128;

/** Refusals that `node status` can tell of one by one. */
export const RECENT_REFUSALS_MAX = 64;
/** Of those, the most that came from one peer. */
export const RECENT_REFUSALS_OF_A_PEER = 8;

/** Connections in all. */
export const MAX_CONNECTIONS = 256;
/** Inbound connections of strangers, unless this is a bootstrap node; further ones are closed, and friends get in. */
export const MAX_CONNECTIONS_OF_STRANGERS = 192;
/** Of those, through relays: a relay gives one node a limited number of circuits (`RELAY.circuits`). */
export const MAX_RELAYED_OF_STRANGERS = 32;
/** Connections that one peer may have; further ones are closed. */
export const MAX_CONNECTIONS_PER_PEER = 4;
/** Inbound connections not yet encrypted. */
export const MAX_PENDING_CONNECTIONS = 16;
/** Inbound connections a second from one host. */
export const MAX_CONNECTIONS_PER_HOST_PER_SECOND = 20;
/** One message of a WebSocket: noise fills 64 KiB at most, and what comes before it is far smaller. */
export const WEBSOCKET_MESSAGE_MAX_BYTES = 128 * KIB;
/** So long a connection to a WebSocket's port may take to ask for one; `MAX_PENDING_CONNECTIONS` may do so at once. */
export const WEBSOCKET_UPGRADE_TIMEOUT_MS = 10_000;
/** Streams of all protocols that one connection may have open. */
export const MAX_STREAMS_PER_CONNECTION = 128;
export const DIAL_TIMEOUT_MS = 10_000;

/** What a relay gives. A place is another node's to be reached at; a circuit is one connection through the relay. */
export const RELAY = {
  /** Places in all, and for nodes that come from one host (a household, or somebody with many keys). */
  places: 128,
  placesOfHost: 16,
  /** A place that is not renewed ends after this. */
  placeMs: 60 * 60_000,
  /** Until the relay has answered who asks for a place. */
  placeTimeoutMs: 10_000,
  /** Bytes of one circuit, both ways together: one answer of a sync, and what frames it. Whoever needs more dials again. */
  circuitBytes: 16 * MIB,
  circuitMs: 10 * 60_000,
  /** Circuits that begin: of one peer, of one host, and of all together, so that the relay passes on 16 MiB a second at most. */
  circuitsOfPeer: { burst: 16, intervalMs: 15_000 },
  circuitsOfHost: { burst: 64, intervalMs: 4_000 },
  circuitsOfAll: { burst: 256, intervalMs: 1_000 },
  /** Circuits that one relayed node may have open. */
  circuits: 64,
  /** Questions to a relay that one connection may have open; each circuit is one. */
  streamsPerConnection: 32,
} as const;

/** Addresses of a friend that are dialled to get out of a relay. */
export const SHORTCUT_MAX_ADDRESSES = 8;
/** A friend met through a relay is asked once more after this: who has just started is told only then that they are reached. */
export const SHORTCUT_ASK_AGAIN_MS = 5_000;
/** Until the direct connection is there for which the other side has closed a circuit. */
export const SHORTCUT_OPENS_MS = 500;
/** Questions of one connection whether this node is reached, that are answered at once: each is a dial back. */
export const DIAL_BACK_STREAMS = 1;
/** Those dials back: of one host, and of all together. An honest node asks once when it is met. */
export const DIAL_BACKS = {
  ofHost: { burst: 16, intervalMs: 15_000 },
  ofAll: { burst: 64, intervalMs: 1_000 },
} as const;

/** Nodes with a feed that are dialled for one search. */
export const FIND_MAX_PROVIDERS = 16;
/** One walk through the DHT. */
export const DHT_QUERY_TIMEOUT_MS = 30_000;
/** After this, a feed is put into the DHT again (its records there live for 48 hours). */
export const PROVIDE_AGAIN_MS = 6 * 60 * 60_000;

/** How often the node does what it does by itself; `ExchangeOptions.timing` overrides. */
export const TIMING = {
  /** Sync with every connected peer. */
  syncIntervalMs: 60_000,
  /** So long somebody who wants all peers asked waits for one that is no friend; its sync goes on. */
  strangerWaitMs: 15_000,
  /** So long peers have to say how far they have this node's own feed; what is published waits longer in the outbox. */
  ownHeadWaitMs: 15_000,
  /** First wait after a sync that failed; doubles up to `syncIntervalMs`. */
  syncRetryMs: 1_000,
  /** First wait before a trusted peer is dialled again; doubles up to the maximum. */
  redialBaseMs: 1_000,
  redialMaxMs: 300_000,
  /** How long news are gathered before the node acts on them. */
  settleMs: 200,
} as const;
