/** What became of one part of a template: a row of the table that an import prints. */
export interface Verdict {
  /** `idle`: it changes nothing here, and nothing is missing without it. */
  readonly outcome: 'imported' | 'partly' | 'refused' | 'idle';
  /** `qemu.debian: boot_command`. */
  readonly what: string;
  /** `debian.pkr.hcl:12`. */
  readonly place: string;
  /** What is missing, or why it was refused; empty where all of it was imported and nothing is to be said. */
  readonly why: string;
}
