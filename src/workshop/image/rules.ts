/**
 * The normaliser's named rules, as data. Each names exact paths and what their content must look like; where it does not
 * look so, the content is measured as it is and the difference shows. A change here changes the normaliser's digest; a change of what
 * is done with a rule (normalise.ts, disk-id.ts) does so through the rule's version, which then counts up.
 */

export interface FileRule {
  readonly name: string;
  readonly version: number;
  readonly reason: string;
  /** Exact paths in a file system, in any partition. */
  readonly paths: readonly string[];
  readonly maxBytes: number;
  /** RE2 over the whole content (bytes as Latin-1). Where it matches, the content counts as empty. */
  readonly whole?: string;
  /** The content counts as empty where its length is a multiple of this (fixed-size binary records). */
  readonly recordBytes?: number;
  /** RE2 within each line: every match is rewritten, the rest of the file counts as it is. */
  readonly lines?: { readonly match: string; readonly replacement: string };
}

/** Random ids in partition tables, FAT boot sectors and descriptions of volume groups: only those bytes are taken as zero (disk-id.ts). */
export interface DiskIdRule {
  readonly name: 'disk-id';
  readonly version: number;
  readonly reason: string;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Lines of printable text; a program is none. */
const TEXT = '[\\t\\n -~\\x80-\\xff]*';

const DATE_TIME = '[0-9]{4}-[0-9]{2}-[0-9]{2} +[0-9]{2}:[0-9]{2}:[0-9]{2}';

const text = (directory: string, ...names: string[]): string[] => names.map((name) => `${directory}/${name}`);

export const NAMED_RULES: Readonly<Record<string, readonly (FileRule | DiskIdRule)[]>> = {
  'machine-id': [
    {
      name: 'machine-id',
      version: 1,
      reason: 'made at random on first boot (machine-id(5))',
      paths: ['/etc/machine-id', '/var/lib/dbus/machine-id'],
      maxBytes: 64,
      whole: '(?:[0-9a-f]{32}|uninitialized)?\\n?',
    },
  ],
  'ssh-host-keys': [
    {
      name: 'ssh-host-keys',
      version: 1,
      reason: 'made at random when the server is installed (ssh-keygen(1))',
      paths: text('/etc/ssh', 'ssh_host_rsa_key', 'ssh_host_ecdsa_key', 'ssh_host_ed25519_key'),
      maxBytes: 8 * KIB,
      whole: '-----BEGIN OPENSSH PRIVATE KEY-----\\n[A-Za-z0-9+/=\\n]+-----END OPENSSH PRIVATE KEY-----\\n',
    },
    {
      name: 'ssh-host-keys',
      version: 1,
      reason: 'the public half of a key made at random',
      paths: text('/etc/ssh', 'ssh_host_rsa_key.pub', 'ssh_host_ecdsa_key.pub', 'ssh_host_ed25519_key.pub'),
      maxBytes: 2 * KIB,
      whole: '(?:ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+(?: [!-~]+)?\\n',
    },
  ],
  logs: [
    {
      name: 'logs',
      version: 1,
      reason: 'each line begins with the time of an installation',
      paths: text('/var/log', 'dpkg.log', 'alternatives.log'),
      maxBytes: 4 * MIB,
      lines: { match: `^(?:update-alternatives )?${DATE_TIME}`, replacement: '{time}' },
    },
    {
      name: 'logs',
      version: 1,
      reason: 'holds the times of an installation',
      paths: text('/var/log/apt', 'history.log', 'term.log'),
      maxBytes: 4 * MIB,
      lines: { match: `^(?:Start-Date|End-Date|Log started|Log ended): ${DATE_TIME}`, replacement: '{time}' },
    },
    {
      name: 'logs',
      version: 1,
      reason: 'what a running system wrote down: times, process ids, measured speeds',
      paths: [
        ...text(
          '/var/log',
          'syslog',
          'messages',
          'kern.log',
          'auth.log',
          'daemon.log',
          'user.log',
          'debug',
          'boot.log',
        ),
        ...text('/var/log/installer', 'syslog', 'partman', 'hardware-summary', 'status'),
      ],
      maxBytes: 4 * MIB,
      whole: TEXT,
    },
    {
      name: 'logs',
      version: 1,
      reason: 'who logged in when (utmp(5): records of 384 bytes)',
      paths: text('/var/log', 'wtmp', 'btmp'),
      maxBytes: 4 * MIB,
      recordBytes: 384,
    },
    {
      name: 'logs',
      version: 1,
      reason: 'who logged in last (lastlog(8): records of 292 bytes)',
      paths: text('/var/log', 'lastlog'),
      maxBytes: 4 * MIB,
      recordBytes: 292,
    },
  ],
  'random-seed': [
    {
      name: 'random-seed',
      version: 1,
      reason: 'random bytes for the next boot (random(4): a pool of 512 bytes at most, records of 32)',
      paths: ['/var/lib/systemd/random-seed', '/var/lib/urandom/random-seed', '/var/lib/seedrng/seed.credit'],
      maxBytes: 512,
      recordBytes: 32,
    },
  ],
  // Version 2: LVM's ids too.
  'disk-id': [{ name: 'disk-id', version: 2, reason: 'drawn at random when a disk is partitioned or formatted' }],
};

/** Never rewritten, whatever a rule says: who may log in, and as what. A folder ends with a slash. */
export const ACCOUNT_PATHS: readonly string[] = [
  ...text('/etc', 'passwd', 'passwd-', 'shadow', 'shadow-', 'group', 'group-', 'gshadow', 'gshadow-'),
  ...text('/etc', 'subuid', 'subgid', 'sudoers', 'doas.conf', 'securetty', 'login.defs', 'nsswitch.conf'),
  ...text('/etc', 'sudoers.d/', 'pam.d/', 'pam.conf', 'security/', 'polkit-1/', 'crontab', 'cron.d/', 'ld.so.preload'),
  '/root/.ssh/',
];
