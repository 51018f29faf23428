/** What `portalgun init` writes: nobody is trusted, nothing is automatic, and the file explains itself. */
export function defaultPolicyText(): string {
  return `# Whom you trust, for what, and how many of them it takes. This file is yours: portalgun reads it again
# whenever you save it. Check it with: portalgun policy check

# Peers, by names that only you use. An id is somebody's public key: compare it over another channel than the one
# that it came by. Following carries their feed; by itself it trusts them with nothing. An invitation also says which
# recovery keys speak for its author, and peer add writes that down: recovery: ["0.8a88..."]
#
#   alice: { id: "ed25519:...", addresses: ["/dns4/example.org/tcp/4001"], follow: true }
peers: {}

# Groups: k of n. A group may name other groups; an author stands in it once.
#
#   core: { k: 2, of: [alice, bob, carol] }
groups: {}

# Private groups: what is published in one is told to its members alone, and nobody else can tell that there is one. Each
# member keeps such a list, with one id. Make one with: portalgun group add NAME --member PEER
#
#   family: { scope: "5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d", members: [alice, bob] }
private: {}

# Rules: for which recipes (author/name; * stands for anything), who may change what.
#
# What a patch changes has a class, and a patch has the highest class in it:
#   wording    what is looked for on the screen
#   choices    which menu entry, which key
#   sends      what is typed, served or sent into the guest
#   authority  media, keys, network, secrets, machine, a check dropped: never automatic, whatever stands here
#
# apply is auto, ask or never. auto needs a when: a peer or a group who must be for it. Only authors and people who
# reviewed it count; a failure report or a withdrawal by any peer stops it, and you are asked. Where several rules
# cover one recipe, the most restrictive wins.
#
#   - recipes: ["alice/debian-12-*"]
#     patches:
#       wording: { apply: auto, when: alice }
#       choices: { apply: auto, when: core }
#       sends: { apply: ask }
#     versions: { apply: ask, when: core }
#     checksums: { confirm: { k: 2, of: [alice, bob, carol] } }
rules: []

# Where no rule says otherwise: ask or never.
defaults: { patches: ask, versions: ask }
`;
}
