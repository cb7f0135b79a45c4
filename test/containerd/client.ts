import {
  create,
  type DescMessage,
  type DescMethodUnary,
  type DescService,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { credentials, Metadata, makeGenericClientConstructor, type Client, type ServiceError } from "@grpc/grpc-js";
import { definitionOf } from "@puzzlefs/containerd";
import { PATIENCE } from "@puzzlefs/testing";

/** The error of a call: the name of its code, and the message. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: number;

  constructor({ code, details }: ServiceError) {
    super(details);
    this.code = code;
  }
}

type Method<I extends DescMessage, O extends DescMessage> = DescMethodUnary<I, O>;
type Caller = (
  request: unknown,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, answer: unknown) => void,
) => void;

/** A client of a gRPC service on a socket. */
export class ServiceClient {
  readonly #client: Client;

  constructor(service: DescService, socket: string) {
    const Constructor = makeGenericClientConstructor(definitionOf(service), service.name);
    this.#client = new Constructor(`unix:${socket}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
    });
  }

  /** Rejects with CallError. */
  call<I extends DescMessage, O extends DescMessage>(
    { name, input }: Method<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const caller = (this.#client as unknown as Record<string, Caller>)[name] as Caller;
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + PATIENCE;
      caller.call(this.#client, create(input, request), new Metadata(), { deadline }, (error, answer) => {
        if (error === null) resolve(answer as MessageShape<O>);
        else reject(new CallError(error));
      });
    });
  }

  /** All messages of a method that answers with several. */
  stream<I extends DescMessage, O extends DescMessage>(
    { name, input }: { name: string; input: I; output: O },
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>[]> {
    const caller = (this.#client as unknown as Record<string, (request: unknown) => NodeJS.ReadableStream>)[name];
    const answers: MessageShape<O>[] = [];
    return new Promise((resolve, reject) => {
      const readable = caller?.call(this.#client, create(input, request));
      readable?.on("data", (answer: unknown) => answers.push(answer as MessageShape<O>));
      readable?.on("error", (error: unknown) => reject(new CallError(error as ServiceError)));
      readable?.on("end", () => resolve(answers));
    });
  }

  close(): void {
    this.#client.close();
  }
}
