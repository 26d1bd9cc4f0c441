//! A SIP edge in front of a gateway: its clients' connections may be lost, the one to the gateway is not.
use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

/// How a connection is lost. No WebSocket close comes before any of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loss {
    /// TCP ends.
    Fin,
    /// TCP is reset.
    Reset,
    /// Nothing is read any more, nor written.
    Deaf,
    /// All is read, and nothing written.
    Swallows,
}

enum Order {
    Lose(Loss),
    LetIn,
    CountPings(Sender<usize>),
}

/// A relay with its thread, which ends when this is dropped.
pub(crate) struct Relay {
    pub(crate) port: u16,
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(crate) fn start(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (orders, received) = channel();
        let edge = Edge {
            gateway: join(gateway),
            listener,
            is_shut: false,
            client: None,
            lost: None,
            swallowed: Vec::new(),
        };
        Self {
            port,
            orders: Some(orders),
            thread: Some(std::thread::spawn(move || edge.run(&received))),
        }
    }

    /// Loses the client's connection, and lets none in.
    pub(crate) fn lose(&self, loss: Loss) {
        self.order(Order::Lose(loss));
    }

    /// Lets the client in that knocks.
    pub(crate) fn let_in(&self) {
        self.order(Order::LetIn);
    }

    /// How many pings came on the lost connection since it was lost.
    pub(crate) fn pings_on_the_lost(&self) -> usize {
        let (answer, answered) = channel();
        self.order(Order::CountPings(answer));
        answered.recv().unwrap()
    }

    fn order(&self, order: Order) {
        self.orders.as_ref().unwrap().send(order).unwrap();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the relay failed");
        }
    }
}

struct Edge {
    gateway: WebSocket<TcpStream>,
    listener: TcpListener,
    is_shut: bool,
    client: Option<WebSocket<TcpStream>>,
    /// The connection that was lost last, still open where that is its way to be lost.
    lost: Option<(TcpStream, Loss)>,
    swallowed: Vec<u8>,
}

impl Edge {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            match orders.try_recv() {
                Ok(Order::Lose(loss)) => self.lose(loss),
                Ok(Order::LetIn) => self.is_shut = false,
                Ok(Order::CountPings(answer)) => {
                    self.swallow();
                    answer.send(pings(&self.swallowed)).unwrap();
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return,
            }
            self.accept();
            self.pass();
            if matches!(self.lost, Some((_, Loss::Swallows))) {
                self.swallow();
            }
            sleep(Duration::from_millis(2));
        }
    }

    fn lose(&mut self, loss: Loss) {
        self.is_shut = true;
        let client = self.client.take().expect("there is a connection to lose");
        let tcp = client.get_ref().try_clone().unwrap();
        match loss {
            Loss::Fin => tcp.shutdown(Shutdown::Write).unwrap(),
            // with zero to wait for, close() is a reset
            Loss::Reset => {
                socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            Loss::Deaf | Loss::Swallows => {}
        }
        self.lost = Some((tcp, loss));
    }

    fn swallow(&mut self) {
        let mut buffer = [0; 4096];
        if let Some((tcp, _)) = &mut self.lost {
            while let Ok(length @ 1..) = tcp.read(&mut buffer) {
                self.swallowed.extend(&buffer[..length]);
            }
        }
    }

    fn accept(&mut self) {
        if self.is_shut || self.client.is_some() {
            return;
        }
        if let Ok((tcp, _)) = self.listener.accept() {
            tcp.set_nonblocking(false).unwrap();
            // who knocked and went away is no client
            if let Ok(client) = tungstenite::accept_hdr(tcp, speak_sip) {
                client.get_ref().set_nonblocking(true).unwrap();
                self.client = Some(client);
            }
        }
    }

    /// Hands on what either side has said.
    fn pass(&mut self) {
        let Some(client) = &mut self.client else { return };
        while let Some(message) = next(client) {
            self.gateway.send(message).unwrap();
        }
        while let Some(message) = next(&mut self.gateway) {
            client.send(message).unwrap();
        }
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "tungstenite's signature"
)]
fn speak_sip(_: &Request, mut response: Response) -> Result<Response, tungstenite::handshake::server::ErrorResponse> {
    response
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    Ok(response)
}

fn join(gateway: SocketAddr) -> WebSocket<TcpStream> {
    let mut request = format!("ws://{gateway}/").into_client_request().unwrap();
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
    let tcp = TcpStream::connect(gateway).unwrap();
    let (socket, _) = tungstenite::client(request, tcp).unwrap();
    socket.get_ref().set_nonblocking(true).unwrap();
    socket
}

/// The next SIP message that came whole; pings are answered on the way.
fn next(socket: &mut WebSocket<TcpStream>) -> Option<Message> {
    loop {
        match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => return Some(message),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return None,
            // closed at the end of the test
            Err(_) => return None,
        }
    }
}

/// Pings among a client's frames (RFC 6455 §5.2).
fn pings(mut frames: &[u8]) -> usize {
    let mut pings = 0;
    while let [first, second, rest @ ..] = frames {
        let (extended, length) = match second & 0x7f {
            126 => (
                2,
                rest.get(..2)
                    .map_or(0, |two| usize::from(two[0]) << 8 | usize::from(two[1])),
            ),
            127 => panic!("no message here is so long"),
            length => (0, usize::from(length)),
        };
        pings += usize::from(first & 0x0f == 9);
        frames = rest.get(extended + 4 + length..).unwrap_or_default();
    }
    pings
}
