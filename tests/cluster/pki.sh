#!/usr/bin/env bash
# Throwaway certificates and kubeconfigs into $CL_RUN: ECDSA P-256 with PKCS#8 keys, which rustls and Java
# read; valid for 30 days.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
mkdir -p "$CL_RUN/pki"; cd "$CL_RUN/pki"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }

authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# cert FILE AUTHORITY SUBJECT [ALTERNATIVE NAMES]
cert() {
  key "$1"
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature,keyEncipherment'
    echo 'extendedKeyUsage=clientAuth,serverAuth'
    [ -z "${4:-}" ] || echo "subjectAltName=$4"
  } >"$1.ext"
  openssl req -new -key "$1.key" -subj "$3" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -set_serial "0x$(openssl rand -hex 12)" \
    -days 30 -out "$1.crt" -extfile "$1.ext" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

# kubeconfig FILE CERT
kubeconfig() {
  (umask 077; cat >"$1" <<K
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster: {server: "https://$CL_HOST_IP:6443", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
- name: u
  user: {client-certificate-data: $(base64 -w0 "$2.crt"), client-key-data: $(base64 -w0 "$2.key")}
contexts:
- {name: x, context: {cluster: c, user: u}}
current-context: x
K
  )
}

# user FILE SUBJECT: a client with its kubeconfig
user() { cert "$1" ca "$2" "${3:-}"; kubeconfig "$CL_RUN/$1.kubeconfig" "$1"; }

authority ca; authority front-proxy-ca
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
svc=DNS:kubernetes.default
cert apiserver ca /CN=kube-apiserver \
  "DNS:kubernetes,$svc,$svc.svc,$svc.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$CL_HOST_IP,IP:${CL_SVC_CIDR%.*}.1"
cert apiserver-kubelet-client ca /O=system:masters/CN=kube-apiserver-kubelet-client
cert front-proxy-client front-proxy-ca /CN=front-proxy-client
user admin /O=system:masters/CN=admin
user kcm /CN=system:kube-controller-manager
user scheduler /CN=system:kube-scheduler
user kube-proxy /CN=system:kube-proxy
for i in 1 2 3; do user "n$i" "/O=system:nodes/CN=system:node:n$i" "DNS:n$i,IP:$(node_ip "$i")"; done
