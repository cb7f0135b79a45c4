/**
 * A virtual machine that runs commands. The kernel log is separate from the output of commands. If the kernel reports a
 * fault (kernel-log.ts), panics, or takes too long, the command throws with that log.
 */
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootImage } from "./boot-image.ts";
import { type GuestFiles, guestModule, makeInitramfs } from "./initramfs.ts";
import { badTaints, findReports, KernelFailure } from "./kernel-log.ts";
import type { Kernel } from "./kernels.ts";
import { Port } from "./port.ts";

export interface Disk {
  /** A file on the host; /dev/vda, /dev/vdb, … in the guest, in order. */
  image: string;
  /** Default true: the guest may write, and the file does not change. */
  snapshot?: boolean;
}

export interface SharedDirectory {
  /** A directory on the host, mounted by 9p at `at` in the guest. */
  path: string;
  at: string;
  writable?: boolean;
}

export interface MachineOptions {
  disks?: readonly Disk[];
  /** Images of ext4 that become the root directory, the first on top; changes by the guest are lost. Default: busybox. */
  root?: readonly string[];
  directories?: readonly SharedDirectory[];
  files?: GuestFiles;
  /** More for the kernel's command line. */
  parameters?: readonly string[];
  /** Written below /proc/sys after boot, such as `{ "vm/drop_caches": 3 }`. */
  sysctl?: Readonly<Record<string, string | number>>;
  /** MiB, default 1536. */
  memory?: number;
  /** One processor whose clock counts instructions, a nanosecond each: times do not depend on the host. */
  counted?: boolean;
  /** More for QEMU. */
  arguments?: readonly string[];
  /** Until the guest answers, ms. Default 600 s. */
  bootTimeout?: number;
  /** Reports of the kernel that the tests of this machine provoke. */
  expected?: readonly RegExp[];
}

export interface RunOptions {
  /** Wall clock, ms. Default 600 s: other machines may be running. */
  timeout?: number;
  /** Called with the command's output as it arrives; the result has it too. */
  show?: { stdout?: (data: Buffer) => void; stderr?: (data: Buffer) => void };
}

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
  /** Kernel log during the command. */
  log: string;
}

/** A command in the guest that failed. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}

const seconds = 1000;

/** QEMU's emulated processors sometimes fail while the kernel patches its own code, before the guest's init runs. */
const MOST_BOOTS = 3;
const DIED = "the machine ended";

/** The serial line, QEMU's monitor, and the two ports of qemu/guest/init. */
type Ports = Record<"console" | "monitor" | "commands" | "errors", Port>;

/** The hardware of every machine. The processor is emulated, and so does not depend on the host. */
const hardware =
  "-cpu max,-erms,-fsrm,-la57 -nodefaults -no-user-config -display none -no-reboot " +
  "-serial chardev:console -mon chardev=monitor,mode=readline -device virtio-serial-pci " +
  "-object rng-random,id=entropy,filename=/dev/urandom -device virtio-rng-pci,rng=entropy";

const timed = "-accel tcg,thread=multi -smp 2";
const counted = "-accel tcg,thread=single -icount shift=0,sleep=off -smp 1";

/**
 * A panic ends the machine. An emulated processor may wait long for a real one, so the limits for lockups and stalls are
 * raised, the clock's watchdog is off, and the kernel does not check that its timer ticks in time ("IO-APIC + timer doesn't work").
 * jent_mod_init measures clock jitter, which takes a second of emulation.
 */
const bootParameters =
  "console=ttyS0 panic=-1 oops=panic mitigations=off nokaslr random.trust_cpu=on watchdog_thresh=60 " +
  "rcupdate.rcu_cpu_stall_timeout=180 tsc=nowatchdog no_timer_check initcall_blacklist=jent_mod_init";

export class Machine {
  readonly kernel: Kernel;
  readonly #options: MachineOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), "puzzlefs-qemu-"));
  readonly #ports: Ports;
  #process: ChildProcess | undefined;
  #output = "";
  #ended: Promise<void> = Promise.resolve();
  #running = false;
  /** Length of the log when the boot ended. Earlier messages are not inspected. */
  #booted = 0;
  #taintedAtBoot = 0;

  private constructor(kernel: Kernel, options: MachineOptions, ports: Ports) {
    this.kernel = kernel;
    this.#options = options;
    this.#ports = ports;
  }

  /** Boots; the guest answers when this settles. @param module content of /puzzlefs.ko */
  static async boot(kernel: Kernel, module: Uint8Array | undefined, options: MachineOptions = {}): Promise<Machine> {
    for (let boots = 1; ; boots++) {
      try {
        return await Machine.#bootOnce(kernel, module, options);
      } catch (error) {
        const isAgain = error instanceof KernelFailure && error.message.startsWith(`boot: ${DIED}`);
        if (!isAgain || boots === MOST_BOOTS) throw error;
        console.error(`# ${kernel.release} ended while booting, and is started again: ${error.message}`);
      }
    }
  }

  static async #bootOnce(kernel: Kernel, module: Uint8Array | undefined, options: MachineOptions): Promise<Machine> {
    const sockets = mkdtempSync(join(tmpdir(), "puzzlefs-ports-"));
    const listen = (name: keyof Ports): Promise<Port> => Port.listen(join(sockets, name));
    const machine = new Machine(kernel, options, {
      console: await listen("console"),
      monitor: await listen("monitor"),
      commands: await listen("commands"),
      errors: await listen("errors"),
    });
    try {
      await machine.#start(module);
    } catch (error) {
      machine.kill();
      throw error;
    } finally {
      rmSync(sockets, { recursive: true });
    }
    return machine;
  }

  /** The kernel's log since power-on. */
  get log(): string {
    return this.#ports.console.received().toString("latin1").replaceAll("\r", "");
  }

  /**
   * Runs a command in the guest's shell.
   * @throws {KernelFailure} whatever its exit status is
   */
  async run(command: string, { timeout = 600 * seconds, show }: RunOptions = {}): Promise<Outcome> {
    if (!this.#running) throw new KernelFailure("the machine is not running", this.log);
    const { commands, errors } = this.#ports;
    const logBefore = this.log.length;
    const nonce = randomBytes(8).toString("hex");
    const mark = Buffer.from(`\x01${nonce}`);
    if (show?.stdout !== undefined) commands.onData = showUntil(mark, show.stdout);
    if (show?.stderr !== undefined) errors.onData = showUntil(mark, show.stderr);
    commands.write(`${nonce} ${Buffer.from(command).toString("base64")}\n`);
    const what = `'${command.trim().split("\n")[0].slice(0, 100)}'`;
    const out = await this.#await(commands, mark, timeout, what);
    const err = await this.#await(errors, mark, timeout, what);
    commands.onData = errors.onData = undefined;
    const log = this.log.slice(logBefore);
    this.#inspect(`${what} on ${this.kernel.release}`, log);
    return { status: Number(out.line), stdout: text(out.before), stderr: text(err.before), log };
  }

  /** Runs a command that must succeed, and returns its output. @throws {CommandFailure} with all output */
  async succeed(command: string, options: RunOptions = {}): Promise<string> {
    const { status, stdout, stderr, log } = await this.run(command, options);
    if (status === 0) return stdout;
    const printed = [stdout, stderr, log === "" ? "" : `kernel log:\n${log}`].map((part) =>
      part.trimEnd().slice(-4000),
    );
    throw new CommandFailure(
      `status ${status} on ${this.kernel.release}: ${command}\n${printed.filter((part) => part !== "").join("\n")}`,
    );
  }

  /** Runs a command of QEMU's monitor, such as `info registers`, and returns its output. */
  async monitor(command: string): Promise<string> {
    if (!this.#running) throw new KernelFailure("the machine is not running", this.log);
    const { monitor } = this.#ports;
    // The end of an answer is not marked. The error for an unknown command marks it.
    const nonce = `x${randomBytes(8).toString("hex")}`;
    monitor.write(`${command}\n${nonce}\n`);
    const mark = Buffer.from(`unknown command: '${nonce}'`);
    return text((await this.#await(monitor, mark, 300 * seconds, command)).before);
  }

  /** Shuts the machine down, after checking its log and the taints of its kernel. @throws {KernelFailure} */
  async close(): Promise<void> {
    if (!this.#running) return;
    try {
      const bits = badTaints(Number(await this.succeed("cat /proc/sys/kernel/tainted")) & ~this.#taintedAtBoot);
      if (bits.length > 0) throw new KernelFailure(`the kernel is tainted (bits ${bits.join(", ")})`, this.log);
      const last = this.log.length;
      this.#ports.commands.write(`0 ${Buffer.from("sync; busybox reboot -f").toString("base64")}\n`);
      await Promise.race([this.#ended, sleep(10 * seconds)]);
      this.#inspect("shutting down", this.log.slice(last));
    } finally {
      this.kill();
    }
  }

  /** Kills the machine. */
  kill(): void {
    this.#running = false;
    this.#process?.kill("SIGKILL");
    for (const port of Object.values(this.#ports)) port.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(module: Uint8Array | undefined): Promise<void> {
    const files = module === undefined ? {} : { [guestModule]: module };
    const initramfs = join(this.#directory, "initramfs");
    writeFileSync(initramfs, makeInitramfs(this.kernel, { ...this.#options.files, ...files }));
    const child = spawn("qemu-system-x86_64", this.#arguments(initramfs), { stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    child.stdout.on("data", (data: Buffer) => (this.#output += data.toString()));
    child.stderr.on("data", (data: Buffer) => (this.#output += data.toString()));
    const killWithUs = (): void => void child.kill("SIGKILL");
    process.once("exit", killWithUs);
    this.#ended = new Promise((done) => {
      child.on("error", (error) => {
        this.#output += error.message;
        done();
      });
      child.on("exit", () => done());
    });
    void this.#ended.then(() => {
      process.off("exit", killWithUs);
      this.#running = false;
      for (const port of Object.values(this.#ports)) port.close();
    });
    this.#running = true;
    await this.#await(
      this.#ports.commands,
      Buffer.from("\x01ready"),
      this.#options.bootTimeout ?? 600 * seconds,
      "boot",
    );
    this.#booted = this.log.length;
    this.#taintedAtBoot = Number(await this.succeed("cat /proc/sys/kernel/tainted"));
    for (const { at, writable } of this.#options.directories ?? []) {
      const options = `trans=virtio,version=9p2000.L,msize=262144,cache=loose${writable === true ? "" : ",ro"}`;
      await this.succeed(`mkdir -p ${at} && mount -t 9p -o ${options} ${tagOf(at)} ${at}`);
    }
    for (const [name, value] of Object.entries(this.#options.sysctl ?? {})) {
      await this.succeed(`echo ${value} >/proc/sys/${name}`);
    }
  }

  #arguments(initramfs: string): string[] {
    const { disks = [], root = [], directories = [], memory = 1536, parameters = [] } = this.#options;
    const append = [bootParameters, ...this.kernel.parameters, ...parameters].join(" ");
    const sockets = Object.entries(this.#ports).flatMap(([name, { path }]) => [
      "-chardev",
      `socket,id=${name},path=${path}`,
    ]);
    const ports = ["commands", "errors"].flatMap((name) => ["-device", `virtserialport,chardev=${name},name=${name}`]);
    const drives = disks.flatMap(({ image, snapshot = true }, index) =>
      driveArguments(`disk-${index}`, image, snapshot),
    );
    const roots = root.flatMap((image, index) => driveArguments(`root-${index}`, image, true));
    const shares = directories.flatMap(({ path, at, writable }) => [
      "-virtfs",
      `local,path=${path},mount_tag=${tagOf(at)},security_model=none,multidevs=remap${writable === true ? "" : ",readonly=on"}`,
    ]);
    const boot = ["-m", String(memory), "-kernel", bootImage(this.kernel), "-initrd", initramfs, "-append", append];
    const processors = (this.#options.counted === true ? counted : timed).split(" ");
    const more = this.#options.arguments ?? [];
    return [
      ...sockets,
      ...processors,
      ...hardware.split(" "),
      ...ports,
      ...drives,
      ...roots,
      ...shares,
      ...boot,
      ...more,
    ];
  }

  /** Waits for a line that begins with `mark`. After the timeout it logs the state of the kernel, then throws. */
  async #await(port: Port, mark: Buffer, timeout: number, what: string): Promise<{ before: Buffer; line: string }> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = port.takeUntil(mark);
      if (found !== undefined) return found;
      if (!this.#running) {
        throw new KernelFailure(`${what}: ${DIED}\n${this.#output}`, this.log.slice(this.#booted));
      }
      const log = this.#booted === 0 ? "" : this.log.slice(this.#booted);
      if (findReports(log, this.#options.expected).length > 0) {
        // The command may hang now, so do not wait for it; but wait for the rest of the report.
        await sleep(3 * seconds);
        this.#inspect(what, this.log.slice(this.#booted));
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        await this.#logState();
        const answer = this.log.slice(this.#booted);
        this.kill();
        throw new KernelFailure(`${what} took longer than ${timeout / seconds} s`, answer);
      }
      await Promise.race([port.arrival(), this.#ports.console.arrival(), sleep(left)]);
    }
  }

  /** Sends the magic system requests for blocked tasks (w) and backtraces of all processors (l) by the serial line. */
  async #logState(): Promise<void> {
    for (const key of ["w", "l"]) {
      this.#ports.monitor.write("chardev-send-break console\n");
      await sleep(200);
      this.#ports.console.write(key);
      await sleep(1500);
    }
  }

  #inspect(what: string, log: string): void {
    const found = findReports(log, this.#options.expected);
    if (found.length === 0) return;
    this.kill();
    throw new KernelFailure(`${what}: the kernel reported: ${found[0]}`, log);
  }
}

/** The guest numbers disks in the order of their devices. @param name also the serial number of the disk */
function driveArguments(name: string, image: string, snapshot: boolean): string[] {
  return [
    "-drive",
    `file=${image},format=raw,if=none,id=${name},snapshot=${snapshot ? "on" : "off"},cache=unsafe`,
    "-device",
    `virtio-blk-pci,drive=${name},serial=${name}`,
  ];
}

/** 9p tags have at most 31 characters. */
function tagOf(at: string): string {
  return `share${at.replaceAll("/", "-")}`.slice(-31);
}

function text(bytes: Buffer): string {
  return bytes.toString("utf8");
}

/** Passes on the data before a mark. */
function showUntil(mark: Buffer, show: (data: Buffer) => void): (data: Buffer) => void {
  let held = Buffer.alloc(0);
  let over = false;
  return (data) => {
    if (over) return;
    held = Buffer.concat([held, data]);
    const at = held.indexOf(mark);
    over = at >= 0;
    // Only the beginning of the mark may have arrived.
    const open = held.lastIndexOf(1);
    const ready = over ? at : open >= 0 && held.length - open < mark.length ? open : held.length;
    if (ready > 0) show(held.subarray(0, ready));
    held = held.subarray(ready);
  };
}

/** Unlike a plain timer, does not keep the process alive. */
function sleep(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds).unref());
}
