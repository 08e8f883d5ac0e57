'use strict';
// What the registry client uses of undici, for bundles. undici's own index loads all of it (caches, mocks, WebSocket, fetch): 20 ms of every command.
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');
Dispatcher.prototype.request = require('undici/lib/api/api-request.js');
exports.Agent = require('undici/lib/dispatcher/agent.js');
Object.defineProperty(exports, 'ProxyAgent', {
  enumerable: true,
  get: () => {
    // What the way through a proxy is opened with.
    Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js');
    return require('undici/lib/dispatcher/proxy-agent.js');
  },
});
