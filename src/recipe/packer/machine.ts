/** From a builder to our machine and its medium. Pure: what lies on the disk is found out by whoever asks. */
import type { MachineSpec, Medium } from '../types.ts';
import { known } from './marked.ts';
import { NotPure } from './not-pure.ts';
import type { Settings } from './template.ts';
import { isList, textOfValue, type Value } from './value.ts';
import { numberOf } from './expression.ts';

/** Builders that install a system from an ISO on the machine that Packer runs on, most like ours first. */
export const BUILDERS: readonly string[] = ['qemu', 'virtualbox-iso', 'vmware-iso', 'parallels-iso'];

/** How Packer names what this machine does anyway, or does not need: they change nothing of the image. */
const IDLE = new Set(
  `accelerator boot_key_interval boot_keygroup_interval cdrom_interface chipset cpu_model disable_vnc disk_adapter_type
  disk_cache disk_compression disk_detect_zeroes disk_discard disk_image_format disk_interface disk_type_id display export_opts
  format gfx_accelerate_3d gfx_controller gfx_efi_resolution gfx_vram_size guest_os_type hard_drive_discard
  hard_drive_interface hard_drive_nonrotational headless host_port_max host_port_min http_bind_address http_interface
  http_network_protocol http_port_max http_port_min iso_interface iso_target_extension iso_target_path keep_registered
  machine_type nested_virt net_device network network_adapter_type nic_type output_directory output_filename pause_before_connecting
  prlctl_version_file qemu_img_args rtc_time_base sata_port_count shutdown_timeout skip_compaction skip_export snapshot_name
  sound ssh_agent_auth ssh_bastion_host ssh_clear_authorized_keys ssh_file_transfer_method ssh_handshake_attempts ssh_host
  ssh_host_port_max ssh_host_port_min ssh_keep_alive_interval ssh_port ssh_pty ssh_read_write_timeout
  ssh_skip_nat_mapping ssh_timeout ssh_wait_timeout ssh_username ssh_password communicator usb usb_driver
  use_default_display version virtualbox_version_file vm_name vmdk_name vnc_bind_address vnc_disable_password vnc_over_websocket
  vnc_password vnc_port_max vnc_port_min vnc_use_password parallels_tools_mode type name post_shutdown_delay disable_shutdown`.split(
    /\s+/,
  ),
);

/** What is read elsewhere in this folder. */
const READ = new Set(
  `boot_command boot_wait boot_steps disk_size disk_additional_size memory cpus iso_url iso_urls iso_checksum iso_checksum_type
  iso_checksum_url http_directory http_content cd_files cd_content cd_label floppy_files floppy_content floppy_dirs
  floppy_label firmware efi_boot efi_firmware_code efi_firmware_vars shutdown_command qemu_binary disk_image`.split(
    /\s+/,
  ),
);

const REFUSED: ReadonlyMap<string, string> = new Map([
  ['disk_image', 'it starts from a disk image that somebody made; here everything starts from verified media'],
  ['qemuargs', 'options of QEMU are not taken from a template: the machine is one of ours'],
  ['vboxmanage', 'commands for VirtualBox mean nothing to this machine'],
  ['vboxmanage_post', 'commands for VirtualBox mean nothing to this machine'],
  ['vmx_data', 'settings of VMware mean nothing to this machine'],
  ['vmx_data_post', 'settings of VMware mean nothing to this machine'],
  ['prlctl', 'commands for Parallels mean nothing to this machine'],
  ['prlctl_post', 'commands for Parallels mean nothing to this machine'],
  ['ssh_private_key_file', 'a key of a file on this host is not read'],
  ['ssh_keypair_name', 'there is no key pair to give the guest'],
  ['ssh_certificate_file', 'a key of a file on this host is not read'],
  ['vtpm', 'this machine has no TPM'],
  ['use_backing_file', 'the disk starts blank'],
]);

const REFUSED_GROUPS: readonly (readonly [RegExp, string])[] = [
  [/^winrm_/, 'there is no WinRM: a guest is reached by its keyboard and screen'],
  [
    /^(guest_additions|parallels_tools|tools_(upload|mode|source))/,
    'additions of another hypervisor do not belong into this machine',
  ],
];

export type Judged = 'idle' | 'read' | { readonly why: string };

/** Whether a setting is read, changes nothing, or is refused, and why. */
export function judgeSetting(name: string): Judged {
  if (IDLE.has(name)) return 'idle';
  const why = REFUSED.get(name) ?? REFUSED_GROUPS.find(([pattern]) => pattern.test(name))?.[1];
  if (why !== undefined) return { why };
  return READ.has(name) ? 'read' : { why: 'this setting is unknown here' };
}

/** Megabytes where Packer says nothing, and where the builder's own unit is megabytes. */
const DEFAULT_DISK_MB = 40_960;
const DEFAULT_MEMORY_MB = 512;

export function diskSize(value: Value | undefined): string {
  if (value === undefined) return `${DEFAULT_DISK_MB}M`;
  const text = known(textOfValue(value)).trim();
  const [, number, unit = 'M'] = /^(\d+)\s*([kmgtKMGT])?[bB]?$/.exec(text) ?? [];
  const megabytes = Number(number) * ({ K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[unit.toUpperCase()] ?? 1);
  if (!(megabytes >= 1) || megabytes > 9_999_999) throw new NotPure(`${text.slice(0, 20)} is no size of a disk`);
  return megabytes % 1024 === 0 ? `${megabytes / 1024}G` : `${Math.ceil(megabytes)}M`;
}

export function moreDisks(settings: Settings): readonly string[] {
  const value = settings.get('disk_additional_size');
  if (value === undefined) return [];
  return (isList(value) ? value : [value]).map(diskSize);
}

export function memorySize(value: Value | undefined): string {
  const megabytes = value === undefined ? DEFAULT_MEMORY_MB : Math.ceil(numberOf(value));
  if (!(megabytes >= 1) || megabytes > 9_999_999) throw new NotPure('it is no size of a memory');
  return `${megabytes}M`;
}

export function cpuCount(value: Value | undefined): number {
  const count = value === undefined ? 1 : numberOf(value);
  if (!Number.isInteger(count) || count < 1) throw new NotPure('it is no number of processors');
  if (count > MOST_CPUS) throw new NotPure(`a machine here has ${MOST_CPUS} at most`);
  return count;
}

const MOST_CPUS = 16;

export function firmwareOf(type: string, settings: Settings): MachineSpec['firmware'] {
  if (settings.flag('efi_boot') || settings.text('efi_firmware_code') !== undefined) return 'uefi';
  const firmware = settings.text('firmware')?.toLowerCase();
  if (firmware === undefined || firmware === 'bios') return 'bios';
  if (firmware === 'efi' || firmware === 'uefi' || (type === 'qemu' && /OVMF|efi/i.test(firmware))) return 'uefi';
  throw new NotPure(`the firmware ${firmware.slice(0, 40)} is none of ours (bios, uefi without Secure Boot)`);
}

export interface Iso {
  readonly medium: Medium;
  /** Where the template has it from. */
  readonly url: string;
  /** How much its checksum says, in words. */
  readonly says: string;
}

/**
 * A file beside the recipe, named by the template's own checksum. Throws `NotPure` where the template says nothing that
 * such a file could be held against, or leads to this machine or its own network: once imported, the recipe is the person's own,
 * and is followed wherever it leads.
 */
export function isoOf(settings: Settings, isPrivateHost: (hostname: string) => boolean): Iso {
  const url = known(settings.text('iso_url') ?? settings.texts('iso_urls')[0] ?? '');
  if (url === '') throw new NotPure('the template names no ISO');
  const address = /^https?:/i.test(url) && URL.canParse(url) ? new URL(url) : undefined;
  if (address !== undefined && isPrivateHost(address.hostname)) {
    throw new NotPure(
      `${address.hostname} is on this machine or its own network, where a template may not lead: fetch the ISO yourself, and give its file as iso_url`,
    );
  }
  const file = fileName(url);
  const checksum = known(settings.text('iso_checksum') ?? '').trim();
  const kind = settings.text('iso_checksum_type')?.toLowerCase();
  const [, prefix, rest = checksum] = /^(\w+):(.*)$/s.exec(checksum) ?? [];
  const algorithm = (prefix ?? kind ?? 'sha256').toLowerCase();
  if (algorithm === 'sha256' && /^[0-9a-f]{64}$/i.test(rest)) {
    const says =
      'named by a bare checksum of the template: it says which file its author had, and nobody has signed for it';
    const sha256 = rest.toLowerCase();
    // As it is sent: a recipe takes an address in no other form.
    const sent = address?.href ?? '';
    if (/^https?:\/\/[\w.-]+(:\d+)?\/[\w./~+%-]*$/.test(sent)) return { medium: { url: sent, sha256 }, url, says };
    return { medium: { file, sha256 }, url, says };
  }
  const unverified: Medium = { file, unverified: 'allow' };
  const missing =
    'add its sha256, or better a medium with a signed list of checksums; until then it is unverified, and every attestation says so';
  if (checksum === 'none' || checksum === '')
    return { medium: unverified, url, says: `the template has no checksum for it: ${missing}` };
  const what =
    algorithm === 'file'
      ? 'a list of checksums by URL, without a signature'
      : `a checksum that is no SHA-256 (${algorithm.slice(0, 10)})`;
  return { medium: unverified, url, says: `the template has ${what}: ${missing}` };
}

/** Of a file that lies in the template's folder its path from there, of any other the last part of its URL. */
function fileName(url: string): string {
  const inside = url.replace(/^(\.\/)+/, '');
  if (/^[A-Za-z0-9][A-Za-z0-9._+-]*(\/[A-Za-z0-9][A-Za-z0-9._+-]*){0,4}$/.test(inside) && inside.length < 200)
    return inside;
  const last =
    url
      .replace(/[?#].*$/s, '')
      .split(/[\\/]/)
      .at(-1) ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,120}$/.test(last))
    throw new NotPure(`${url.slice(0, 60)} does not end in a plain file name`);
  return last;
}
