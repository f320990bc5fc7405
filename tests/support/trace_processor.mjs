// Runs Perfetto's trace processor as its web page brings it: node trace_processor.mjs FOLDER
// FOLDER holds engine_bundle.js and its .wasm files. Requests on standard input, replies on
// standard output: both are a TraceProcessorRpcStream of Perfetto's trace_processor.proto.
import { readFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { createContext, runInContext } from "node:vm";

const folder = process.argv[2];

class XMLHttpRequest {  // by which a worker of a web page loads its WebAssembly
  open(method, url) {
    this.file = join(folder, basename(url));
  }
  send() {
    this.response = readFileSync(this.file);
  }
}

const quiet = { log() {}, warn() {}, error() {} };
const worker = { XMLHttpRequest, URL, TextDecoder, TextEncoder, performance, console: quiet };
worker.location = { href: "file:///" };
worker.WorkerGlobalScope = Object;
worker.self = worker;
const context = createContext(worker);
runInContext(readFileSync(join(folder, "engine_bundle.js"), "utf8"), context);
const port = { postMessage: (reply) => writeSync(1, reply) };
worker.onmessage({ data: port });
await new Promise(setImmediate);  // the WebAssembly is ready when its promises are through
const bytes = runInContext("(bytes) => new Uint8Array(bytes)", context);
port.onmessage({ data: bytes(readFileSync(0)) });
