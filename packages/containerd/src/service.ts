import {
  create,
  type DescMessage,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServiceDefinition,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { messageOf } from "@puzzlefs/linux";
import { once } from "node:events";
import { SnapshotError, type SnapshotFailure } from "./errors.ts";
import { type Info, InfoSchema, Snapshots } from "./generated/snapshots_pb.js";
import type { Snapshot } from "./snapshot.ts";
import type { Snapshotter } from "./snapshotter.ts";

/** Snapshots in one message of a list. */
const LISTED = 100;

const CODES: Readonly<Record<SnapshotFailure, status>> = {
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  invalid: status.INVALID_ARGUMENT,
  precondition: status.FAILED_PRECONDITION,
};

/** A service as grpc-js takes it. */
export function definitionOf(service: DescService): ServiceDefinition {
  const methods = service.methods.map(({ name, methodKind, input, output }) => [
    name,
    {
      path: `/${service.typeName}/${name}`,
      requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
      responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
      requestSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(input, message)),
      requestDeserialize: (bytes: Uint8Array) => fromBinary(input, bytes),
      responseSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(output, message)),
      responseDeserialize: (bytes: Uint8Array) => fromBinary(output, bytes),
    },
  ]);
  return Object.fromEntries(methods) as ServiceDefinition;
}

/** containerd's snapshots service. `log` gets the errors that containerd does not cause by what it asks for. */
export function implementationOf(
  snapshotter: Snapshotter,
  log: (message: string) => void,
): UntypedServiceImplementation {
  const failure = (method: string, error: unknown): { code: status; details: string } => {
    const details = messageOf(error);
    if (error instanceof SnapshotError) return { code: CODES[error.kind], details };
    log(`${method}: ${details}`);
    return { code: status.UNKNOWN, details };
  };
  const { prepare, view, mounts, commit, remove, stat, update, list, usage, cleanup } = Snapshots.method;
  const unary = <I extends DescMessage, O extends DescMessage>(
    { name, output }: { name: string; input: I; output: O },
    answer: (request: MessageShape<I>) => Promise<MessageInitShape<O>> | MessageInitShape<O>,
  ): Record<string, handleUnaryCall<MessageShape<I>, MessageShape<O>>> => ({
    [name]: ({ request }, callback) => {
      const answered = async (): Promise<void> => callback(null, create(output, await answer(request)));
      answered().catch((error: unknown) => callback(failure(name, error)));
    },
  });
  const listing: handleServerStreamingCall<MessageShape<typeof list.input>, MessageShape<typeof list.output>> = (
    call,
  ) => {
    const send = async (): Promise<void> => {
      const { filters } = call.request;
      for (const info of chunksOf(snapshotter.list(filters), LISTED)) {
        if (call.cancelled) return;
        if (!call.write(create(list.output, { info: info.map(infoOf) }))) await once(call, "drain");
      }
      call.end();
    };
    send().catch((error: unknown) => call.emit("error", failure(list.name, error)));
  };
  return {
    ...unary(prepare, async ({ key, parent, labels }) => ({ mounts: await snapshotter.prepare(key, parent, labels) })),
    ...unary(view, async ({ key, parent, labels }) => ({ mounts: await snapshotter.view(key, parent, labels) })),
    ...unary(mounts, async ({ key }) => ({ mounts: await snapshotter.mounts(key) })),
    ...unary(commit, async ({ name, key, labels }) => {
      await snapshotter.commit(name, key, labels);
      return {};
    }),
    ...unary(remove, async ({ key }) => {
      await snapshotter.remove(key);
      return {};
    }),
    ...unary(stat, ({ key }) => ({ info: infoOf(snapshotter.stat(key)) })),
    ...unary(update, ({ info, updateMask }) => ({
      info: infoOf(snapshotter.update(info?.name ?? "", info?.labels ?? {}, updateMask?.paths ?? [])),
    })),
    ...unary(usage, async ({ key }) => {
      const { bytes, inodes } = await snapshotter.usage(key);
      return { size: BigInt(bytes), inodes: BigInt(inodes) };
    }),
    ...unary(cleanup, async () => {
      await snapshotter.cleanup();
      return {};
    }),
    [list.name]: listing,
  } as UntypedServiceImplementation;
}

function infoOf({ name, parent, kind, created, updated, labels }: Snapshot): Info {
  const [createdAt, updatedAt] = [timestampFromMs(created), timestampFromMs(updated)];
  return create(InfoSchema, { name, parent, kind, createdAt, updatedAt, labels });
}

function* chunksOf<T>(items: Iterable<T>, length: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length === length) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}
