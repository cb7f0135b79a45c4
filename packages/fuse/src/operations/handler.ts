import type { Reply } from "../wire/reply.ts";
import type { Request } from "../wire/request.ts";

/**
 * Answers one kind of request: writes the body of the reply and returns its size in bytes, or returns a negated error
 * number. If it throws, the reply is EIO.
 */
export type Handler = (request: Request, reply: Reply) => number;
