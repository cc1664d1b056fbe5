import { type ServerResponse, STATUS_CODES } from 'node:http';
import { statusObject } from './api-objects.ts';

/** What an API server answers to a request that is no watch. */
export interface ApiReply {
  readonly code: number;
  readonly body: object;
}

/** Said no: the reply is a metav1.Status. */
export class Refusal extends Error {
  readonly reply: ApiReply;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.reply = { code, body: statusObject(code, reason, message) };
  }
}

/** Answers with a metav1.Status. */
export function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  reply(response, { code, body: statusObject(code, reason, message) });
}

export function reply(response: ServerResponse, { code, body }: ApiReply): void {
  response.writeHead(code, STATUS_CODES[code], { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
