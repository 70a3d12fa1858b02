/** The messages for code that knows promises and `AbortSignal`, and no Effect. */
import {
  type BackendMessage,
  type GetHistoryError,
  type ListSessionError,
  MessagesService,
  type SendError,
  type Service,
  SessionId
} from "@mix-effect/core"
import { Effect, type Layer, ManagedRuntime, Stream } from "effect"

/** What came of a call: nothing that can be foreseen is thrown. */
export type Result<A, E> = { readonly ok: true; readonly value: A } | { readonly ok: false; readonly error: E }

export interface CallOptions {
  /** Ends the call, its retries and its connection; the promise is then rejected. */
  readonly signal?: AbortSignal
}

/** Make one for the whole program, and close it at its end: its connections are shared by all calls. */
export class MixMessages<E> {
  readonly #runtime: ManagedRuntime.ManagedRuntime<MessagesService, E>

  /** Nothing is connected before the first call. A layer that cannot be built rejects every call. */
  constructor(layer: Layer.Layer<MessagesService, E>) {
    this.#runtime = ManagedRuntime.make(layer)
  }

  /** The newest messages of all sessions. */
  latest(limit: number, options?: CallOptions): Promise<Result<ReadonlyArray<BackendMessage>, GetHistoryError>> {
    return this.#run((messages) => messages.getHistory({ limit }), options)
  }

  session(id: string, options?: CallOptions): Promise<Result<ReadonlyArray<BackendMessage>, ListSessionError>> {
    return this.#run((messages) => messages.listSession({ id: SessionId.make(id) }), options)
  }

  send(id: string, text: string, options?: CallOptions): Promise<Result<BackendMessage, SendError>> {
    return this.#run((messages) => messages.send({ id: SessionId.make(id), text }), options)
  }

  /** The whole history, page by page as the loop goes on. `break` ends it; what fails is thrown, as loops have it. */
  async *history(): AsyncGenerator<BackendMessage> {
    const runtime = await this.#runtime.runtime()
    yield* Stream.toAsyncIterableRuntime(
      Stream.unwrap(Effect.map(MessagesService, (messages) => messages.streamHistory())),
      runtime
    )
  }

  /** Closes every connection. What is under way answers with a `ConnectionError`, what comes later is rejected. */
  close(): Promise<void> {
    return this.#runtime.dispose()
  }

  #run<A, Failure>(
    call: (messages: Service) => Effect.Effect<A, Failure>,
    options?: CallOptions
  ): Promise<Result<A, Failure>> {
    const result = Effect.flatMap(MessagesService, call).pipe(
      Effect.match({
        onSuccess: (value): Result<A, Failure> => ({ ok: true, value }),
        onFailure: (error): Result<A, Failure> => ({ ok: false, error })
      })
    )
    return this.#runtime.runPromise(result, options)
  }
}
