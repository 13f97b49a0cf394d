# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lsp-client.py SERVER: opens a file with an error, mends it, and asks for hover and definition."""
import json
import subprocess
import sys

server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
URI = "file:///model.mlir"
MODEL = """func.func @main(%x: tensor<4xf32>) -> tensor<f32> {
  %y = tiny.mul %x, %x : tensor<4xf32>
  %z = tiny.reduce sum %y [DIM] : tensor<4xf32> -> tensor<f32>
  return %z : tensor<f32>
}
"""


def send(method, params, number=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    text = json.dumps(message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(text) + text)
    server.stdin.flush()


def receive(wanted):
    """The next message that `wanted` accepts."""
    while True:
        length = 0
        while (line := server.stdout.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(server.stdout.read(length))
        if wanted(message):
            return message


def ask(method, params, number):
    send(method, params, number)
    return receive(lambda message: message.get("id") == number)["result"]


def diagnostics():
    return receive(lambda m: m.get("method") == "textDocument/publishDiagnostics")["params"]["diagnostics"]


ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 0)
send("initialized", {})
document = {"uri": URI, "languageId": "mlir", "version": 1, "text": MODEL.replace("DIM", "5")}
send("textDocument/didOpen", {"textDocument": document})
for one in diagnostics():
    start = one["range"]["start"]
    print(f"diagnostic {start['line']}:{start['character']}: {one['message']}")
send("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2},
                                "contentChanges": [{"text": MODEL.replace("DIM", "0")}]})
print("diagnostics of the mended file:", len(diagnostics()))
place = {"textDocument": {"uri": URI}, "position": {"line": 1, "character": 9}}
print("hover:", ask("textDocument/hover", place, 1)["contents"]["value"])
place["position"] = {"line": 2, "character": 24}
found = ask("textDocument/definition", place, 2)[0]["range"]
print(f"definition: {found['start']['line']}:{found['start']['character']} to "
      f"{found['end']['line']}:{found['end']['character']}")
ask("shutdown", None, 3)
send("exit", None)
sys.exit(server.wait(20))
