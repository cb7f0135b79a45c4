/**
 * `make bench-kernel`: the driver beside erofs and squashfs, the same tree on disks of one virtual machine.
 *
 *     [KERNEL=6.12] [ROWS=find,mmap] [RUNS=3] [MACHINES=counted,timed] [BENCH_DIR=…] [MODULE=…] node bench/kernel.ts [ROOTFS]
 *
 * The counted machine's clock counts instructions: its processor times are the same on any machine, however busy. The
 * timed one has two processors and the wall clock, of which the least of RUNS counts. BENCH_DIR keeps the disks;
 * MODULE is a puzzlefs.ko from elsewhere.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  buildModule,
  cacheDirectory,
  findKernel,
  isKernelName,
  type Kernel,
  luaProgram,
  Machine,
} from "@puzzlefs/qemu";
import { type Case, cases } from "./kernel-cases.ts";
import { guestFiles, type Measure, type Memory, Meter, type Mount } from "./kernel-measure.ts";
import { type Prepared, prepare } from "./kernel-subjects.ts";
import { type KernelRow, kernelTable } from "./kernel-table.ts";

const { KERNEL = "6.12", ROWS, RUNS = "3", MACHINES = "counted,timed", BENCH_DIR, MODULE } = process.env;
const memoryRow = "memory";
const mountRow = "mount";
const milli = 1e-6;
const mebi = 1 / (1 << 20);
const perCent = 100;

const wanted = (name: string): boolean => ROWS === undefined || ROWS.split(",").includes(name);

/** Measures by case and temperature, then by subject. */
type Results = Map<string, Map<string, Measure>>;

async function boot(kernel: Kernel, module: Uint8Array, { disks, subjects }: Prepared, counts: boolean) {
  const files = { ...luaProgram(), ...guestFiles };
  const machine = await Machine.boot(kernel, module, {
    counted: counts,
    files,
    disks: disks.map((image) => ({ image })),
    bootTimeout: 600_000,
  });
  return { machine, meter: await Meter.start(machine, subjects) };
}

async function runCases(meter: Meter, { subjects, largeFile }: Prepared, runs: number): Promise<Results> {
  const results: Results = new Map();
  const keep = (it: Case, temperature: string, name: string, measure: Measure): void => {
    const what = `${it.name}, ${temperature}`;
    results.set(what, (results.get(what) ?? new Map<string, Measure>()).set(name, measure));
  };
  for (const it of cases) {
    if (!wanted(it.name)) continue;
    for (const subject of subjects) {
      const { cold, warm } = await meter.run(subject, it, largeFile, runs);
      keep(it, "cold", subject.name, cold);
      if (warm !== undefined) keep(it, "warm", subject.name, warm);
    }
    process.stderr.write(`measured: ${it.name}\n`);
  }
  return results;
}

function rowsOf(results: Results, { subjects }: Prepared, figure: (measure: Measure) => number): KernelRow[] {
  return [...results].map(([what, measures]) => ({
    what,
    figures: subjects.map(({ name }) => {
      const measure = measures.get(name);
      return measure === undefined ? undefined : figure(measure);
    }),
  }));
}

function show(title: string, prepared: Prepared, rows: KernelRow[], digits: number): void {
  if (rows.length > 0) console.log(`\n${title}\n\n${kernelTable(prepared.subjects, rows, digits)}`);
}

function showMemory(prepared: Prepared, memories: readonly Memory[], mounts: readonly Mount[]): void {
  const row = (what: string, figures: (number | undefined)[]): KernelRow => ({ what, figures });
  const { subjects, dataBytes } = prepared;
  if (memories.length > 0) {
    const text = `Memory after reading everything, % of the ${(dataBytes * mebi).toFixed(0)} MiB that the files' pages take`;
    show(
      text,
      prepared,
      [
        row(
          "growth",
          memories.map(({ growth }) => (growth / dataBytes) * perCent),
        ),
      ],
      0,
    );
    show(
      "Files of the store opened for that",
      prepared,
      [
        row(
          "opened",
          memories.map(({ opened }) => opened),
        ),
      ],
      0,
    );
  }
  if (mounts.length > 0) {
    show(
      "Mounting until the first `ls`, ms of processor",
      prepared,
      [
        row(
          "mount",
          mounts.map(({ measure }) => measure.busy * milli),
        ),
      ],
      1,
    );
    const kibi = 1024;
    show(
      "Memory of a mount, KiB",
      { ...prepared, subjects: subjects.map((subject) => ({ ...subject, peers: [] })) },
      [
        row(
          "memory",
          mounts.map(({ memory }) => memory / kibi),
        ),
        row(
          "metadata blob",
          subjects.map(({ metadata }) => (metadata === undefined ? undefined : metadata / kibi)),
        ),
      ],
      0,
    );
  }
}

async function counted(kernel: Kernel, module: Uint8Array, prepared: Prepared): Promise<void> {
  const { machine, meter } = await boot(kernel, module, prepared, true);
  try {
    const results = await runCases(meter, prepared, 1);
    show(
      "Processor, ms at an instruction a nanosecond (ratios to erofs, to squashfs)",
      prepared,
      rowsOf(results, prepared, ({ busy }) => busy * milli),
      1,
    );
    const cold = new Map([...results].filter(([what]) => what.endsWith("cold")));
    show(
      "Disk requests",
      prepared,
      rowsOf(cold, prepared, ({ requests }) => requests),
      0,
    );
    show(
      "Read from the disk, MiB",
      prepared,
      rowsOf(cold, prepared, ({ bytes }) => bytes * mebi),
      1,
    );
    const memories: Memory[] = [];
    const mounts: Mount[] = [];
    const readAll = cases.find(({ name }) => name === "read all")?.command("") ?? "";
    for (const subject of prepared.subjects) {
      if (wanted(memoryRow)) memories.push(await meter.memory(subject, readAll));
      if (wanted(mountRow)) mounts.push(await meter.mount(subject, 1));
    }
    showMemory(prepared, memories, mounts);
    await machine.close();
  } finally {
    machine.kill();
  }
}

async function timed(kernel: Kernel, module: Uint8Array, prepared: Prepared): Promise<void> {
  const { machine, meter } = await boot(kernel, module, prepared, false);
  try {
    const results = await runCases(meter, prepared, Number(RUNS));
    show(
      `Wall clock, ms, least of ${RUNS}`,
      prepared,
      rowsOf(results, prepared, ({ wall }) => wall * milli),
      1,
    );
    if (wanted(mountRow)) {
      const figures: number[] = [];
      for (const subject of prepared.subjects) {
        const { measure } = await meter.mount(subject, Number(RUNS));
        figures.push(measure.wall * milli);
      }
      show(
        `Mounting until the first \`ls\`, wall clock, ms, least of ${RUNS}`,
        prepared,
        [{ what: mountRow, figures }],
        1,
      );
    }
    await machine.close();
  } finally {
    machine.kill();
  }
}

if (!isKernelName(KERNEL)) throw new Error(`KERNEL=${KERNEL}: there is no such kernel`);
const kernel = findKernel(KERNEL);
const module = readFileSync(MODULE ?? buildModule(kernel).path);
const rootfs = resolve(process.argv[2] ?? join(cacheDirectory(), "trees/debian-bookworm"));
const directory = BENCH_DIR ?? mkdtempSync(join(tmpdir(), "puzzlefs-bench-"));
try {
  const prepared = prepare(rootfs, directory);
  console.log(`${rootfs} on ${kernel.release}`);
  if (MACHINES.includes("counted")) await counted(kernel, module, prepared);
  if (MACHINES.includes("timed")) await timed(kernel, module, prepared);
} finally {
  if (BENCH_DIR === undefined) rmSync(directory, { recursive: true });
}
