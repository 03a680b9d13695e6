"""The manifests of deploy/kubernetes on a real control plane with nodes that only say they run."""
