"""Faults that the tests put between a daemon and its world: a TCP proxy, a broker that misbehaves."""

import random
import select
import socket
import threading
import time


class Proxy:
    """Forwards TCP from `port` to a target. Settings may change while it runs:

    delay: seconds before a piece of data is passed on; loss: the share of pieces that have to be sent again, and so hold up
    all behind them as TCP does; stalled: nothing is passed on, and nothing is closed (half-open); refusing: new connections
    are reset at once; refusal: new connections get a CONNACK with that reason; cut(): every connection is reset.
    """

    def __init__(self, target):
        self.target, self.delay, self.stalled, self.refusing, self.garbage = target, 0.0, False, False, b""
        self.loss, self.refusal, self.random = 0.0, None, random.Random(5)
        self.accepted = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs, self.lock, self.closing = [], threading.Lock(), False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.refusing:
                self._reset(client)
                continue
            if self.garbage:
                client.sendall(self.garbage)
                client.close()
                continue
            if self.refusal is not None:
                threading.Thread(target=self._refuse, args=(client, self.refusal), daemon=True).start()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                self._reset(client)
                continue
            with self.lock:
                self.pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def _refuse(client, reason):
        try:
            client.settimeout(10)
            client.recv(4096)  # CONNECT
            client.sendall(FakeBroker.connack(reason))
            client.recv(1)  # Until it closes.
        except OSError:
            pass
        client.close()

    def _resent(self):
        """Seconds that a piece waits for being sent again: 200 ms, twice as long each time that it is lost again."""
        seconds, wait = 0.0, 0.2
        while self.random.random() < self.loss:
            seconds, wait = seconds + wait, 2 * wait
        return seconds

    def _pump(self, source, sink):
        waiting = []  # (when, data), in order.
        try:
            while True:
                timeout = 0.05 if waiting or self.stalled else 0.2
                ready, _, _ = select.select([source], [], [], timeout) if not self.stalled else ([], [], [])
                if self.stalled:
                    time.sleep(0.02)
                    continue
                if ready:
                    data = source.recv(65536)
                    if not data:
                        break
                    waiting.append((time.monotonic() + self.delay + self._resent(), data))
                while waiting and waiting[0][0] <= time.monotonic():
                    sink.sendall(waiting.pop(0)[1])
        except (OSError, ValueError):
            pass
        for end in (source, sink):
            try:
                end.close()
            except OSError:
                pass

    @staticmethod
    def _reset(end):
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            end.close()
        except OSError:
            pass

    def cut(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                self._reset(end)

    def close(self):
        self.closing = True
        self.listener.close()
        self.cut()


class SilentHost:
    """A port whose connections are never made: its queue is full, so that the kernel drops every SYN, as a dead host does."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def close(self):
        for end in (*self.fillers, self.listener):
            end.close()


class FakeBroker:
    """Speaks just enough MQTT to misbehave: `script(broker, connection, number)` gets each connection after its CONNECT."""

    def __init__(self, script):
        self.script, self.connections, self.closing = script, 0, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection, number):
        try:
            connection.settimeout(20)
            connection.recv(4096)  # CONNECT
            self.script(self, connection, number)
        except OSError:
            pass
        finally:
            connection.close()

    @staticmethod
    def connack(reason):
        return bytes([0x20, 3, 0, reason, 0])

    def close(self):
        self.closing = True
        self.listener.close()
