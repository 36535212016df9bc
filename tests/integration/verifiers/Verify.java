/* Judges chains as the Java platform does: its default trust manager, with the host name checked as
 * for HTTPS. Usage: java Verify.java FOLDER (as cases.py writes it). A line for each case. */
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Principal;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import javax.net.ssl.*;

public class Verify {
    /* A handshake as the trust manager sees it: the peer's name, TLS 1.2, what the client offers. */
    static class Session extends ExtendedSSLSession {
        final String host;
        Session(String host) { this.host = host; }
        public String[] getLocalSupportedSignatureAlgorithms() {
            return new String[] { "SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA", "Ed25519",
                "Ed448", "RSASSA-PSS", "SHA256withRSA", "SHA384withRSA", "SHA512withRSA",
                "SHA256withDSA", "SHA224withECDSA", "SHA224withRSA", "SHA224withDSA",
                "SHA1withECDSA", "SHA1withRSA", "SHA1withDSA" };
        }
        public String[] getPeerSupportedSignatureAlgorithms() {
            return getLocalSupportedSignatureAlgorithms();
        }
        public List<SNIServerName> getRequestedServerNames() { return List.of(); }
        public List<byte[]> getStatusResponses() { return List.of(); }
        public byte[] getId() { return new byte[0]; }
        public SSLSessionContext getSessionContext() { return null; }
        public long getCreationTime() { return 0; }
        public long getLastAccessedTime() { return 0; }
        public void invalidate() { }
        public boolean isValid() { return true; }
        public void putValue(String name, Object value) { }
        public Object getValue(String name) { return null; }
        public void removeValue(String name) { }
        public String[] getValueNames() { return new String[0]; }
        public Certificate[] getPeerCertificates() { return new Certificate[0]; }
        public Certificate[] getLocalCertificates() { return null; }
        public Principal getPeerPrincipal() { return null; }
        public Principal getLocalPrincipal() { return null; }
        public String getCipherSuite() { return "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"; }
        public String getProtocol() { return "TLSv1.2"; }
        public String getPeerHost() { return host; }
        public int getPeerPort() { return 443; }
        public int getPacketBufferSize() { return 16384; }
        public int getApplicationBufferSize() { return 16384; }
    }

    static class Engine extends SSLEngine {
        final Session session;
        Engine(String host) { super(host, 443); session = new Session(host); }
        public SSLSession getHandshakeSession() { return session; }
        public SSLSession getSession() { return session; }
        public SSLParameters getSSLParameters() {
            SSLParameters p = new SSLParameters();
            p.setEndpointIdentificationAlgorithm("HTTPS");
            return p;
        }
        public SSLEngineResult wrap(ByteBuffer[] s, int o, int l, ByteBuffer d) { return null; }
        public SSLEngineResult unwrap(ByteBuffer s, ByteBuffer[] d, int o, int l) { return null; }
        public Runnable getDelegatedTask() { return null; }
        public void closeInbound() { }
        public boolean isInboundDone() { return false; }
        public void closeOutbound() { }
        public boolean isOutboundDone() { return false; }
        public String[] getSupportedCipherSuites() { return new String[0]; }
        public String[] getEnabledCipherSuites() { return new String[0]; }
        public void setEnabledCipherSuites(String[] suites) { }
        public String[] getSupportedProtocols() { return new String[0]; }
        public String[] getEnabledProtocols() { return new String[0]; }
        public void setEnabledProtocols(String[] protocols) { }
        public void beginHandshake() { }
        public SSLEngineResult.HandshakeStatus getHandshakeStatus() {
            return SSLEngineResult.HandshakeStatus.NEED_UNWRAP;
        }
        public void setUseClientMode(boolean mode) { }
        public boolean getUseClientMode() { return true; }
        public void setNeedClientAuth(boolean need) { }
        public boolean getNeedClientAuth() { return false; }
        public void setWantClientAuth(boolean want) { }
        public boolean getWantClientAuth() { return false; }
        public void setEnableSessionCreation(boolean flag) { }
        public boolean getEnableSessionCreation() { return true; }
    }

    static Collection<? extends Certificate> read(Path path) throws Exception {
        try (InputStream in = new ByteArrayInputStream(Files.readAllBytes(path))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in);
        }
    }

    static void judge(Path here) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int n = 0;
        for (Certificate c : read(here.resolve("trust.pem"))) {
            store.setCertificateEntry("ca" + n++, c);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        X509ExtendedTrustManager manager = (X509ExtendedTrustManager) factory.getTrustManagers()[0];
        X509Certificate[] chain = read(here.resolve("chain.pem")).toArray(new X509Certificate[0]);
        String kind = chain[0].getPublicKey().getAlgorithm();
        /* authType as TLS 1.2 has it: by the key that signs the key exchange */
        String exchange = kind.equals("RSA") ? "ECDHE_RSA" : kind.equals("DSA") ? "DHE_DSS" : "ECDHE_ECDSA";
        manager.checkServerTrusted(chain, exchange, new Engine(Files.readString(here.resolve("host"))));
    }

    static String words(Throwable t) {
        StringBuilder all = new StringBuilder();
        for (; t != null; t = t.getCause()) {
            all.append(t.getClass().getSimpleName()).append(": ").append(t.getMessage()).append(" | ");
        }
        return all.toString().replaceAll("\\s+", " ");
    }

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        for (String name : Files.readAllLines(folder.resolve("list"))) {
            String said = "accept";
            try {
                judge(folder.resolve(name));
            } catch (Exception e) {
                said = "reject\t" + words(e);
            }
            System.out.println(name + "\t" + said);
        }
    }
}
