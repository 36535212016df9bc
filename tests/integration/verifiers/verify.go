// Judges chains as crypto/tls does in a client. Usage: verify FOLDER (as cases.py writes it).
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func read(path string) []*pem.Block {
	var blocks []*pem.Block
	rest, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return blocks
		}
		blocks = append(blocks, block)
	}
}

// The steps of (*tls.Conn).verifyServerCertificate.
func judge(here string) error {
	host, err := os.ReadFile(filepath.Join(here, "host"))
	if err != nil {
		return err
	}
	roots, inters := x509.NewCertPool(), x509.NewCertPool()
	for _, block := range read(filepath.Join(here, "trust.pem")) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil { // as AppendCertsFromPEM
			roots.AddCert(c)
		}
	}
	var certs []*x509.Certificate
	for _, block := range read(filepath.Join(here, "chain.pem")) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("tls: failed to parse certificate from server: %w", err)
		}
		certs = append(certs, c)
	}
	for _, c := range certs[1:] {
		inters.AddCert(c)
	}
	name := strings.TrimSuffix(string(host), ".") // as net/http and crypto/tls do for the server name
	options := x509.VerifyOptions{Roots: roots, Intermediates: inters, DNSName: name}
	if at, err := os.ReadFile(filepath.Join(here, "at")); err == nil { // else now
		seconds, _ := strconv.ParseInt(string(at), 10, 64)
		options.CurrentTime = time.Unix(seconds, 0)
	}
	_, err = certs[0].Verify(options)
	return err
}

func main() {
	list, err := os.ReadFile(filepath.Join(os.Args[1], "list"))
	if err != nil {
		panic(err)
	}
	for _, name := range strings.Fields(string(list)) {
		said := "accept"
		if err := judge(filepath.Join(os.Args[1], name)); err != nil {
			said = fmt.Sprintf("reject\t%T: %s", err, strings.ReplaceAll(err.Error(), "\n", " "))
		}
		fmt.Printf("%s\t%s\n", name, said)
	}
}
