/* Clients and servers of TLS by the Java platform, for tests: one process that is told on its
 * standard input what to do, a line each, and answers each with a line.
 *
 *     serve<TAB>chain=FILE<TAB>key=FILE[<TAB>WISH]...
 *         A server of HTTP on a port of its own, which is the answer. by=socket: SSLServerSocket;
 *         by=server: com.sun.net.httpserver, on SSLEngine as other servers are. With ca it demands
 *         a client certificate; name=REGEX is the only server name that it knows.
 *     call<TAB>url=URL[<TAB>WISH]...
 *         A request. by=url: HttpsURLConnection; by=client: java.net.http; by=socket: an SSLSocket
 *         that sends no server name. The answer: the status (0: none), a tab, the body or what was
 *         thrown.
 * Wishes of both: ca=FILE chain=FILE key=FILE (PEM), protocols=NAME,NAME ciphers=NAME,NAME
 */
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.Base64;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import javax.net.ssl.*;

public class JavaPeers {
    static final char[] NONE = new char[0];
    static final byte[] ANSWER = ("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
        + "Connection: close\r\n\r\nok\n").getBytes(StandardCharsets.US_ASCII);

    static Collection<? extends Certificate> certificates(String path) throws Exception {
        try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(Path.of(path)))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in);
        }
    }

    static PrivateKey key(String path, String algorithm) throws Exception {
        String text = Files.readString(Path.of(path)).replaceAll("-----[^-]*-----|\\s", "");
        return KeyFactory.getInstance(algorithm).generatePrivate(
            new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
    }

    static KeyStore store() throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, NONE);
        return store;
    }

    static SSLContext context(Map<String, String> wish) throws Exception {
        KeyManagerFactory keys = null;
        if (wish.containsKey("chain")) {
            Certificate[] chain = certificates(wish.get("chain")).toArray(new Certificate[0]);
            KeyStore own = store();
            own.setKeyEntry("own", key(wish.get("key"), chain[0].getPublicKey().getAlgorithm()), NONE, chain);
            keys = KeyManagerFactory.getInstance("PKIX");
            keys.init(own, NONE);
        }
        KeyStore trusted = store();
        int n = 0;
        for (Certificate c : wish.containsKey("ca") ? certificates(wish.get("ca")) : List.<Certificate>of()) {
            trusted.setCertificateEntry("ca" + n++, c);
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys == null ? null : keys.getKeyManagers(), n == 0 ? null : trust.getTrustManagers(), null);
        return context;
    }

    static void restrict(SSLParameters p, Map<String, String> wish) {
        if (wish.containsKey("protocols")) {
            p.setProtocols(wish.get("protocols").split(","));
        }
        if (wish.containsKey("ciphers")) {
            p.setCipherSuites(wish.get("ciphers").split(","));
        }
    }

    /* --- servers --- */

    static SSLParameters serving(SSLContext context, Map<String, String> wish) {
        SSLParameters p = context.getDefaultSSLParameters();
        restrict(p, wish);
        p.setNeedClientAuth(wish.containsKey("ca"));
        if (wish.containsKey("name")) {
            p.setSNIMatchers(List.of(SNIHostName.createSNIMatcher(wish.get("name"))));
        }
        return p;
    }

    static void answer(SSLSocket socket) {
        try (socket) {
            socket.setSoTimeout(8000);
            BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
            }
            socket.getOutputStream().write(ANSWER);
        } catch (Exception e) {
            /* a handshake that failed: what is looked at is the other side */
        }
    }

    static int serveSockets(SSLContext context, Map<String, String> wish) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(
            0, 50, InetAddress.getLoopbackAddress());
        listener.setSSLParameters(serving(context, wish));
        new Thread(() -> {
            while (true) {
                try {
                    SSLSocket socket = (SSLSocket) listener.accept();
                    new Thread(() -> answer(socket)).start();
                } catch (Exception e) {
                    return;
                }
            }
        }).start();
        return listener.getLocalPort();
    }

    static int serveHttps(SSLContext context, Map<String, String> wish) throws Exception {
        HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setHttpsConfigurator(new HttpsConfigurator(context) {
            @Override public void configure(HttpsParameters p) {
                p.setSSLParameters(serving(context, wish));
            }
        });
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 3);
            exchange.getResponseBody().write("ok\n".getBytes());
            exchange.close();
        });
        server.setExecutor(Executors.newCachedThreadPool());
        server.start();
        return server.getAddress().getPort();
    }

    static String serve(Map<String, String> wish) throws Exception {
        SSLContext context = context(wish);
        return "" + ("server".equals(wish.get("by")) ? serveHttps(context, wish) : serveSockets(context, wish));
    }

    /* --- clients --- */

    static String byUrl(SSLContext context, Map<String, String> wish) throws Exception {
        HttpURLConnection c = (HttpURLConnection) new URL(wish.get("url")).openConnection();
        c.setConnectTimeout(10000);
        c.setReadTimeout(10000);
        if (c instanceof HttpsURLConnection) {
            ((HttpsURLConnection) c).setSSLSocketFactory(context.getSocketFactory());
        }
        int status = c.getResponseCode();
        InputStream in = status < 400 ? c.getInputStream() : c.getErrorStream();
        return status + "\t" + (in == null ? "" : new String(in.readAllBytes()));
    }

    static String byClient(SSLContext context, Map<String, String> wish) throws Exception {
        SSLParameters p = context.getDefaultSSLParameters();
        restrict(p, wish);
        HttpClient client = HttpClient.newBuilder().sslContext(context).sslParameters(p)
            .connectTimeout(Duration.ofSeconds(10)).build();
        HttpRequest request = HttpRequest.newBuilder(URI.create(wish.get("url"))).timeout(Duration.ofSeconds(10)).build();
        HttpResponse<String> said = client.send(request, HttpResponse.BodyHandlers.ofString());
        return said.statusCode() + "\t" + said.body();
    }

    static String bySocket(SSLContext context, Map<String, String> wish) throws Exception {
        URI url = URI.create(wish.get("url"));
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(
                InetAddress.getLoopbackAddress(), url.getPort())) {
            SSLParameters p = socket.getSSLParameters();
            restrict(p, wish);
            p.setServerNames(List.of());
            socket.setSSLParameters(p);
            socket.setSoTimeout(10000);
            socket.getOutputStream().write(("GET " + url.getPath() + " HTTP/1.1\r\nHost: " + url.getAuthority()
                + "\r\nConnection: close\r\n\r\n").getBytes());
            String said = new String(socket.getInputStream().readAllBytes());
            return (said.startsWith("HTTP/") ? said.split(" ")[1] : "0") + "\t" + said;
        }
    }

    static String call(Map<String, String> wish) throws Exception {
        SSLContext context = context(wish);
        switch (wish.getOrDefault("by", "url")) {
        case "client": return byClient(context, wish);
        case "socket": return bySocket(context, wish);
        default: return byUrl(context, wish);
        }
    }

    /* --- */

    static String thrown(Throwable t) {
        StringBuilder all = new StringBuilder("0\t");
        for (; t != null; t = t.getCause()) {
            all.append(t.getClass().getSimpleName()).append(": ").append(t.getMessage()).append(" | ");
        }
        return all.toString();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t");
            Map<String, String> wish = new HashMap<>();
            for (int i = 1; i < words.length; i++) {
                String[] pair = words[i].split("=", 2);
                wish.put(pair[0], pair[1]);
            }
            String said;
            try {
                said = words[0].equals("serve") ? serve(wish) : call(wish);
            } catch (Exception e) {
                said = thrown(e);
            }
            System.out.println(said.replace("\r", "").replace('\n', ' '));
        }
        System.exit(0);
    }
}
