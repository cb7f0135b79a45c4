import { constants } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { absolutePath, close, Directory, FileStatus, flock, hasCode, LOCK_EX, LOCK_NB } from "@puzzlefs/linux";
import type { DriverChoice } from "@puzzlefs/mount";
import { Layout } from "@puzzlefs/oci";
import { ContentStore } from "./content-store.ts";
import { SnapshotDatabase } from "./database.ts";
import { SnapshotDirectories } from "./directories.ts";
import { SnapshotError } from "./errors.ts";
import { Snapshots } from "./generated/snapshots_pb.js";
import { Images, type ImageSettings } from "./images.ts";
import { definitionOf, implementationOf } from "./service.ts";
import { Snapshotter } from "./snapshotter.ts";

export interface SnapshotterOptions {
  /** The directory of the snapshots, made if it is missing. Paths may be relative. */
  root: string;
  /** The socket. */
  address: string;
  /** containerd's content store: the directory that has `blobs/sha256`. */
  contentStore: string;
  driver: DriverChoice;
  /** How registries are asked for images that were pushed for lazy use. */
  access?: ImageSettings["access"];
  /** Milliseconds after which a read that waits for a registry fails; default: a minute. */
  fetchTimeout?: number;
  /** Gets a line for each thing that is done about an image, and for errors. */
  log: (message: string) => void;
}

/** A snapshotter that listens. */
export interface RunningSnapshotter {
  /** Answers the requests that have come, and ends. Mounts stay: another process goes on with them. */
  stop(): Promise<void>;
}

/** Milliseconds that requests in progress have when the snapshotter ends. */
const GRACE = 10_000;
const LOCK_FILE = "lock";
const SOCKET_MODE = 0o600;

/** Starts a snapshotter. Resolves once it listens. Throws SnapshotError, LayoutError, and system errors. */
export async function startSnapshotter(options: SnapshotterOptions): Promise<RunningSnapshotter> {
  const { address, contentStore, driver, access = {}, fetchTimeout, log } = options;
  const path = absolutePath(options.root);
  // They separate directories in the options of an overlay.
  if (/[:,\\"]/.test(path))
    throw new SnapshotError("precondition", `${path}: a path of a snapshotter has no : , \\ or "`);
  await using closing = new AsyncDisposableStack();
  const root = closing.use(openRoot(path));
  closing.defer(lock(root));
  const directories = closing.use(root.makeOrOpen("snapshots", 0o700));
  const mounts = root.makeOrOpen("mounts", 0o700);
  const database = new SnapshotDatabase(join(path, "snapshots.db"));
  closing.defer(() => database.close());
  const content = new ContentStore(absolutePath(contentStore));
  const settings = { driver, access, log, ...(fetchTimeout !== undefined && { fetchTimeout }) };
  const images = new Images(mounts, Layout.create(join(path, "store")), content, database, settings);
  closing.defer(() => images.close());
  const snapshots = new SnapshotDirectories(directories, log);
  const kept = new Set(Array.from(database.all(), ({ id, image }) => (image === undefined ? id : 0)));
  snapshots.discard((id) => kept.has(id));
  const snapshotter = new Snapshotter(database, snapshots, images, log);
  const server = await listen(absolutePath(address), snapshotter, log);
  closing.defer(() => shutDown(server));
  log(`listens at ${absolutePath(address)}`);
  // What an earlier process has left. Nothing waits for it.
  const cleaned = snapshotter.cleanup().catch((error: unknown) => log(`clean-up: ${(error as Error).message}`));
  closing.defer(() => cleaned);
  const resources = closing.move();
  return { stop: () => resources.disposeAsync() };
}

/** Throws SnapshotError (precondition) for a directory that other users can change. */
function openRoot(path: string): Directory {
  const root = Directory.make(path, 0o700);
  const status = new FileStatus();
  status.readDescriptor(root.descriptor);
  const isOwn = status.uid === process.geteuid?.() && (status.mode & (constants.S_IWGRP | constants.S_IWOTH)) === 0;
  if (isOwn) return root;
  root.close();
  throw new SnapshotError("precondition", `${path}: it is another user's, or others may write to it`);
}

/** One process at a time has the directory; the kernel drops the lock when it dies. */
function lock(root: Directory): () => void {
  const flags = constants.O_RDWR;
  const descriptor = root.openFile(LOCK_FILE, flags) ?? root.createFile(LOCK_FILE, 0o600);
  if (flock(descriptor, LOCK_EX | LOCK_NB)) return () => close(descriptor);
  close(descriptor);
  throw new SnapshotError("precondition", `${root.path}: another snapshotter uses it`);
}

async function listen(address: string, snapshotter: Snapshotter, log: (message: string) => void): Promise<Server> {
  const server = new Server();
  server.addService(definitionOf(Snapshots), implementationOf(snapshotter, log));
  // Others have no right to it: the servers of FUSE mounts need that of /run/puzzlefs.
  using directory = Directory.make(dirname(address), 0o700);
  const name = basename(address);
  const status = new FileStatus();
  if (status.readIfPresent(directory.descriptor, name) && status.type !== constants.S_IFSOCK)
    throw new SnapshotError("precondition", `${address}: exists, and is no socket`);
  if (await isAnswered(address)) throw new SnapshotError("precondition", `${address}: another process listens there`);
  directory.removeFile(name);
  const before = process.umask(0o777 & ~SOCKET_MODE);
  try {
    await new Promise<void>((resolve, reject) => {
      const done = (error: Error | null): void => (error === null ? resolve() : reject(error));
      server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), done);
    });
  } finally {
    process.umask(before);
  }
  return server;
}

/** Whether a process listens at a socket: one that was killed has left it behind. */
function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      if (hasCode(error, "ENOENT", "ECONNREFUSED")) resolve(false);
      else reject(error);
    });
  });
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), GRACE);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
