module kube-wagi/examples/go

go 1.21
