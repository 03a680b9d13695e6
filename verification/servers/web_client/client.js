// What a web shop would bundle: the npm clients of Connect and gRPC-Web, for the contract as the service compiled it; and
// the seat map in pages of frameworks.
import { createFileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { inReact } from "./react.jsx";
import { inVue } from "./vue.js";

const TRANSPORTS = {
  "connect json": (options) => createConnectTransport({ ...options, useBinaryFormat: false }),
  "connect binary": (options) => createConnectTransport({ ...options, useBinaryFormat: true, useHttpGet: true }),
  "grpc-web": (options) => createGrpcWebTransport({ ...options, useBinaryFormat: true }),
};

/** A client whose answers, and refusals, are plain JSON. `descriptors` is a FileDescriptorSet in base64. */
globalThis.shopOf = (protocol, baseUrl, descriptors, token) => {
  const bytes = Uint8Array.from(atob(descriptors), (letter) => letter.charCodeAt(0));
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
  const service = registry.getService("inventory.v1.InventoryService");
  const client = createClient(service, TRANSPORTS[protocol]({ baseUrl }));
  const headers = token ? { authorization: `Bearer ${token}` } : {};

  const refusal = (error) => {
    const told = ConnectError.from(error);
    const info = told.findDetails(registry.getMessage("google.rpc.ErrorInfo"))[0];
    return { code: Code[told.code], message: told.rawMessage, reason: info?.reason, metadata: info?.metadata };
  };

  return {
    async call(name, request) {
      try {
        return toJson(service.method[name].output, await client[name](request, { headers }), { registry });
      } catch (error) {
        return { refused: refusal(error) };
      }
    },
    /** The first answers of a stream, as many as are asked for; `between` is done after the first. */
    async watch(name, request, count, between) {
      const told = [], over = new AbortController();
      try {
        for await (const answer of client[name](request, { headers, signal: over.signal })) {
          told.push(toJson(service.method[name].output, answer, { registry }));
          if (told.length === 1) await between?.();
          if (told.length === count) break;
        }
      } catch (error) {
        told.push({ refused: refusal(error) });
      }
      over.abort();
      return told;
    },
  };
};

/** Pages that have the seat map, by framework. */
globalThis.pagesOf = { React: inReact, Vue: inVue };
